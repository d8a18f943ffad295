/*
 * The system calls of a lookup, asked of the kernel itself.  libc's functions of these names can be replaced
 * by any program that happens to define a `send` or `poll` of its own; glibc's own resolver, inside libc, is
 * immune to that, and so must be what takes its place.  Errors are as of libc: -1 and errno.  None is a
 * cancellation point.
 *
 * Left to libc are the functions of ISO C, and those that do no system call (clock_gettime reads the vDSO).
 */
#ifndef AIODNS_KERNEL_H
#define AIODNS_KERNEL_H

#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static inline int aiodns_kernel_open(const char *path, int flags)
{
#ifdef O_LARGEFILE
  flags |= O_LARGEFILE; /* libc's own addition where an off_t would be too small without */
#endif
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0);
}

static inline ssize_t aiodns_kernel_read(int fd, void *buf, size_t len)
{
  return syscall(SYS_read, fd, buf, len);
}

/* An offset is given as one word, or as two halves by processors with words of 32 bits (their libc knows in
 * which registers). */
static inline ssize_t aiodns_kernel_pwrite(int fd, const void *data, size_t len, uint64_t offset)
{
#ifdef __LP64__
  return syscall(SYS_pwrite64, fd, data, len, offset);
#else
  return pwrite(fd, data, len, (off_t)offset);
#endif
}

/* From the start; an offset of 2^30 at the most, which every architecture's first lseek takes. */
static inline int aiodns_kernel_seek(int fd, int32_t offset)
{
  return (int)syscall(SYS_lseek, fd, offset, SEEK_SET);
}

static inline int aiodns_kernel_close(int fd)
{
  return (int)syscall(SYS_close, fd);
}

/* A copy of the descriptor, close-on-exec, not below `least`. */
static inline int aiodns_kernel_copy(int fd, int least)
{
#ifdef SYS_fcntl64
  return (int)syscall(SYS_fcntl64, fd, F_DUPFD_CLOEXEC, least);
#else
  return (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, least);
#endif
}

static inline int aiodns_kernel_socket(int family, int type)
{
  return (int)syscall(SYS_socket, family, type, 0);
}

static inline int aiodns_kernel_connect(int fd, const struct sockaddr *address, socklen_t len)
{
  return (int)syscall(SYS_connect, fd, address, len);
}

static inline ssize_t aiodns_kernel_send(int fd, const void *data, size_t len, int flags)
{
  return syscall(SYS_sendto, fd, data, len, flags, NULL, 0);
}

static inline ssize_t aiodns_kernel_receive(int fd, void *buf, size_t len, int flags)
{
  return syscall(SYS_recvfrom, fd, buf, len, flags, NULL, NULL);
}

static inline int aiodns_kernel_poll(struct pollfd *set, unsigned count, int timeout_ms)
{
#ifdef SYS_poll
  return (int)syscall(SYS_poll, set, count, timeout_ms);
#else
  /* The architectures without poll(2) have 64-bit words: a timespec of two of them. */
  int64_t timeout[2] = {timeout_ms / 1000, (int64_t)(timeout_ms % 1000) * 1000000};
  return (int)syscall(SYS_ppoll, set, count, timeout_ms < 0 ? NULL : timeout, NULL, 0);
#endif
}

static inline ssize_t aiodns_kernel_random(void *buf, size_t len, unsigned flags)
{
  return syscall(SYS_getrandom, buf, len, flags);
}

static inline int aiodns_kernel_uname(struct utsname *ret)
{
  return (int)syscall(SYS_uname, ret);
}

/* ---- Which file it is, and in which state ---- */

struct aiodns_kernel_file {
  uint64_t device, inode, size;
  int64_t modified_ns, changed_ns;
  uint32_t mode;
};

static inline int64_t aiodns_kernel_in_ns(int64_t seconds, int64_t nanoseconds)
{
  return seconds * 1000000000 + nanoseconds;
}

/* Of a path, or with "" of the descriptor. */
static inline int aiodns_kernel_stat(int fd, const char *path, struct aiodns_kernel_file *ret)
{
#if defined SYS_newfstatat && defined __LP64__ &&                                                            \
    (defined __x86_64__ || defined __aarch64__ || defined __powerpc64__ || defined __s390x__)
  struct stat st; /* where libc's layout is the kernel's own: no filter for nss_dns refuses this call */
  int flags = *path ? 0 : AT_EMPTY_PATH;
  if (syscall(SYS_newfstatat, fd, path, &st, flags) != 0)
    return -1;
  *ret = (struct aiodns_kernel_file){
      .device = st.st_dev,
      .inode = st.st_ino,
      .size = (uint64_t)st.st_size,
      .modified_ns = aiodns_kernel_in_ns(st.st_mtim.tv_sec, st.st_mtim.tv_nsec),
      .changed_ns = aiodns_kernel_in_ns(st.st_ctim.tv_sec, st.st_ctim.tv_nsec),
      .mode = st.st_mode,
  };
#else
  struct statx st;
  int flags = *path ? 0 : AT_EMPTY_PATH;
  if (syscall(SYS_statx, fd, path, flags, STATX_BASIC_STATS, &st) != 0)
    return -1;
  *ret = (struct aiodns_kernel_file){
      .device = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor,
      .inode = st.stx_ino,
      .size = st.stx_size,
      .modified_ns = aiodns_kernel_in_ns(st.stx_mtime.tv_sec, st.stx_mtime.tv_nsec),
      .changed_ns = aiodns_kernel_in_ns(st.stx_ctime.tv_sec, st.stx_ctime.tv_nsec),
      .mode = st.stx_mode,
  };
#endif
  return 0;
}

#endif
