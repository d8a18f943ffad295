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

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* Entries of an open folder (getdents64(2)); 0: no more. */
static inline ssize_t aiodns_kernel_entries(int fd, void *buf, size_t room)
{
  return syscall(SYS_getdents64, fd, buf, room);
}

/* `mode` is for a file that is made. */
static inline int aiodns_kernel_open_new(const char *path, int flags, unsigned mode)
{
#ifdef O_LARGEFILE
  flags |= O_LARGEFILE; /* libc's own addition where an off_t would be too small without */
#endif
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static inline int aiodns_kernel_open(const char *path, int flags)
{
  return aiodns_kernel_open_new(path, flags, 0);
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

/*
 * The descriptor itself, or a copy above the standard streams: a program that closed those must not find ours
 * in their place. -1 and errno where it is -1, or no copy can be had.
 */
static inline int aiodns_kernel_above_standard(int fd)
{
  if (fd < 0 || fd > STDERR_FILENO)
    return fd;
  int moved = aiodns_kernel_copy(fd, STDERR_FILENO + 1);
  int error = errno;
  aiodns_kernel_close(fd);
  errno = error;
  return moved;
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

/* Lets a datagram socket of that family tell what came in fragments; false: it does not. */
static inline bool aiodns_kernel_tell_fragments(int fd, int family)
{
  int on = 1;
  return syscall(SYS_setsockopt, fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
                 family == AF_INET ? IP_RECVFRAGSIZE : IPV6_RECVFRAGSIZE, &on, sizeof on) == 0;
}

/* A datagram from such a socket; returns its real length, whatever the room. */
static inline ssize_t aiodns_kernel_receive_told(int fd, void *buf, size_t room, bool *ret_fragments)
{
  struct iovec data = {.iov_base = buf, .iov_len = room};
  union {
    struct cmsghdr align;
    uint8_t octets[CMSG_SPACE(sizeof(int))];
  } told;
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &told, .msg_controllen = sizeof told};
  ssize_t got = syscall(SYS_recvmsg, fd, &message, MSG_TRUNC);

  *ret_fragments = got >= 0 && message.msg_controllen > 0; /* nothing else was asked for */
  return got;
}

/* The address that the socket sends from. */
static inline int aiodns_kernel_socket_name(int fd, struct sockaddr *ret, socklen_t *len)
{
  return (int)syscall(SYS_getsockname, fd, ret, len);
}

/* The network namespace of a socket, by a number that no other ever has (Linux 5.14). */
static inline int aiodns_kernel_namespace_of(int fd, uint64_t *ret)
{
  enum { NETNS_COOKIE = 71 }; /* SO_NETNS_COOKIE of <asm/socket.h>, where that is new enough */
  socklen_t len = sizeof *ret;
  return (int)syscall(SYS_getsockopt, fd, SOL_SOCKET, NETNS_COOKIE, ret, &len);
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

/* Less than a second; a signal may end it earlier. */
static inline int aiodns_kernel_sleep(uint32_t us)
{
#ifdef SYS_nanosleep
  const long time[2] = {0, (long)us * 1000};
  return (int)syscall(SYS_nanosleep, time, NULL);
#else
  const int64_t time[2] = {0, (int64_t)us * 1000};
  return (int)syscall(SYS_clock_nanosleep_time64, CLOCK_MONOTONIC, 0, time, NULL);
#endif
}

/*
 * Waits on a word of shared memory, which may be mapped to be read only, while it is `seen`, for less than a
 * second.  0: woken by aiodns_kernel_wake(), in whatever process; else -1, and ETIMEDOUT, EINTR (a signal),
 * EAGAIN (it is not `seen`), or that it cannot be done here.
 */
static inline int aiodns_kernel_wait(const uint32_t *word, uint32_t seen, uint32_t us)
{
  enum { WAIT = 0 }; /* FUTEX_WAIT of <linux/futex.h>, by the monotonic clock */
#ifdef SYS_futex
  const long time[2] = {0, (long)us * 1000};
  return (int)syscall(SYS_futex, word, WAIT, seen, time, NULL, 0);
#else
  const int64_t time[2] = {0, (int64_t)us * 1000};
  return (int)syscall(SYS_futex_time64, word, WAIT, seen, time, NULL, 0);
#endif
}

/* Wakes so many of those who wait on it; returns how many there were. */
static inline int aiodns_kernel_wake(const uint32_t *word, int count)
{
  enum { WAKE = 1 }; /* FUTEX_WAKE */
#ifdef SYS_futex
  return (int)syscall(SYS_futex, word, WAKE, count, NULL, NULL, 0);
#else
  return (int)syscall(SYS_futex_time64, word, WAKE, count, NULL, NULL, 0);
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

/* O_RDONLY, O_WRONLY or O_RDWR, as it was opened; -1: it is not open. */
static inline int aiodns_kernel_access_mode(int fd)
{
#ifdef SYS_fcntl64
  long flags = syscall(SYS_fcntl64, fd, F_GETFL);
#else
  long flags = syscall(SYS_fcntl, fd, F_GETFL);
#endif
  return flags < 0 ? -1 : (int)(flags & O_ACCMODE);
}

static inline ssize_t aiodns_kernel_read_link(const char *path, char *buf, size_t room)
{
  return syscall(SYS_readlinkat, AT_FDCWD, path, buf, room);
}

/* A clock of clock_gettime(2), by the vDSO; 0 where there is none. */
static inline uint64_t aiodns_kernel_clock_ns(clockid_t clock)
{
  struct timespec now = {0};
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- Which file it is, and in which state ---- */

struct aiodns_kernel_file {
  uint64_t device, inode, size;
  int64_t modified_ns, changed_ns;
  uint32_t mode, owner, links;
};

static inline int64_t aiodns_kernel_in_ns(int64_t seconds, int64_t nanoseconds)
{
  return seconds * 1000000000 + nanoseconds;
}

static inline int aiodns_kernel_stat_by(int fd, const char *path, int flags, struct aiodns_kernel_file *ret)
{
#if defined SYS_newfstatat && defined __LP64__ &&                                                            \
    (defined __x86_64__ || defined __aarch64__ || defined __powerpc64__ || defined __s390x__)
  struct stat st; /* where libc's layout is the kernel's own: no filter for nss_dns refuses this call */
  if (syscall(SYS_newfstatat, fd, path, &st, flags) != 0)
    return -1;
  *ret = (struct aiodns_kernel_file){
      .device = st.st_dev,
      .inode = st.st_ino,
      .size = (uint64_t)st.st_size,
      .modified_ns = aiodns_kernel_in_ns(st.st_mtim.tv_sec, st.st_mtim.tv_nsec),
      .changed_ns = aiodns_kernel_in_ns(st.st_ctim.tv_sec, st.st_ctim.tv_nsec),
      .mode = st.st_mode,
      .owner = st.st_uid,
      .links = st.st_nlink > UINT32_MAX ? UINT32_MAX : (uint32_t)st.st_nlink,
  };
#else
  struct statx st;
  if (syscall(SYS_statx, fd, path, flags, STATX_BASIC_STATS, &st) != 0)
    return -1;
  *ret = (struct aiodns_kernel_file){
      .device = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor,
      .inode = st.stx_ino,
      .size = st.stx_size,
      .modified_ns = aiodns_kernel_in_ns(st.stx_mtime.tv_sec, st.stx_mtime.tv_nsec),
      .changed_ns = aiodns_kernel_in_ns(st.stx_ctime.tv_sec, st.stx_ctime.tv_nsec),
      .mode = st.stx_mode,
      .owner = st.stx_uid,
      .links = st.stx_nlink,
  };
#endif
  return 0;
}

/* Of a path, or with "" of the descriptor. */
static inline int aiodns_kernel_stat(int fd, const char *path, struct aiodns_kernel_file *ret)
{
  return aiodns_kernel_stat_by(fd, path, *path ? 0 : AT_EMPTY_PATH, ret);
}

/* Of the path itself, where that is a symbolic link. */
static inline int aiodns_kernel_stat_link(const char *path, struct aiodns_kernel_file *ret)
{
  return aiodns_kernel_stat_by(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, ret);
}

enum { AIODNS_KERNEL_TMPFS = 0x01021994 }; /* TMPFS_MAGIC of <linux/magic.h> */

/* Whether what is mounted at a path is. */
static inline bool aiodns_kernel_has_tmpfs(const char *path)
{
  struct statfs fs;
#ifdef SYS_statfs64
  return syscall(SYS_statfs64, path, sizeof fs, &fs) == 0 && fs.f_type == AIODNS_KERNEL_TMPFS;
#else
  return syscall(SYS_statfs, path, &fs) == 0 && fs.f_type == AIODNS_KERNEL_TMPFS;
#endif
}

static inline bool aiodns_kernel_is_tmpfs(int fd)
{
  struct statfs fs;
#ifdef SYS_fstatfs64
  return syscall(SYS_fstatfs64, fd, sizeof fs, &fs) == 0 && fs.f_type == AIODNS_KERNEL_TMPFS;
#else
  return syscall(SYS_fstatfs, fd, &fs) == 0 && fs.f_type == AIODNS_KERNEL_TMPFS;
#endif
}

/* ---- Making files ---- */

static inline int aiodns_kernel_make_folder(const char *path, unsigned mode)
{
  return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

static inline int aiodns_kernel_set_mode(int fd, unsigned mode)
{
  return (int)syscall(SYS_fchmod, fd, mode);
}

static inline int aiodns_kernel_set_mode_at(const char *path, unsigned mode)
{
  return (int)syscall(SYS_fchmodat, AT_FDCWD, path, mode);
}

/* From the start; fails where there is no room. */
static inline int aiodns_kernel_allocate(int fd, uint64_t size)
{
#ifdef __LP64__
  return (int)syscall(SYS_fallocate, fd, 0, (off_t)0, size);
#else
  return fallocate(fd, 0, 0, (off_t)size);
#endif
}

static inline int aiodns_kernel_rename(const char *from, const char *to)
{
#ifdef SYS_renameat
  return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
#else
  return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
#endif
}

static inline int aiodns_kernel_unlink(const char *path)
{
  return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

/* The size that this process may write a file to; beyond it a signal would kill it. */
static inline uint64_t aiodns_kernel_file_limit(void)
{
  uint64_t limit[2];
  return syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, limit) == 0 ? limit[0] : 0;
}

/* ---- Mapping and locking them ---- */

/* At `over`, in place of what is there, unless that is NULL. */
static inline void *aiodns_kernel_map(void *over, uint64_t len, int protection, int flags, int fd)
{
  long base;

  flags |= over ? MAP_FIXED : 0;
#ifdef SYS_mmap2
  base = syscall(SYS_mmap2, over, (size_t)len, protection, flags, fd, 0L);
#else
  base = syscall(SYS_mmap, over, (size_t)len, protection, flags, fd, 0L);
#endif
  return (void *)base; /* NOLINT(performance-no-int-to-ptr): -1 is MAP_FAILED */
}

static inline int aiodns_kernel_unmap(void *base, uint64_t len)
{
  return (int)syscall(SYS_munmap, base, (size_t)len);
}

/* Another size, perhaps at another place; MAP_FAILED: what was there is as it was. */
static inline void *aiodns_kernel_remap(void *base, uint64_t old_len, uint64_t len)
{
  long moved = syscall(SYS_mremap, base, (size_t)old_len, (size_t)len, MREMAP_MAYMOVE);
  return (void *)moved; /* NOLINT(performance-no-int-to-ptr): -1 is MAP_FAILED */
}

/*
 * One octet of a file, for writing, without waiting; the lock belongs to the open file and goes with it.
 * len 0: all from there on.  kind is F_WRLCK or F_UNLCK.
 */
static inline int aiodns_kernel_lock(int fd, short kind, int32_t at, int32_t len)
{
#ifdef __LP64__
  struct flock lock = {.l_type = kind, .l_whence = SEEK_SET, .l_start = at, .l_len = len};
  return (int)syscall(SYS_fcntl, fd, F_OFD_SETLK, &lock);
#else
  struct flock64 lock = {.l_type = kind, .l_whence = SEEK_SET, .l_start = at, .l_len = len};
  return (int)syscall(SYS_fcntl64, fd, F_OFD_SETLK, &lock);
#endif
}

/* ---- Who this process is ---- */

static inline int aiodns_kernel_thread_id(void)
{
  return (int)syscall(SYS_gettid);
}

/* Whether no thread with this ID is in this process; false where that cannot be told. */
static inline bool aiodns_kernel_thread_is_gone(int id)
{
  return syscall(SYS_tgkill, (int)syscall(SYS_getpid), id, 0) != 0 && errno == ESRCH;
}

/* Real, effective and saved. */
static inline int aiodns_kernel_users(uint32_t ret[3])
{
#ifdef SYS_getresuid32
  return (int)syscall(SYS_getresuid32, &ret[0], &ret[1], &ret[2]);
#else
  return (int)syscall(SYS_getresuid, &ret[0], &ret[1], &ret[2]);
#endif
}

static inline int aiodns_kernel_groups(uint32_t ret[3])
{
#ifdef SYS_getresgid32
  return (int)syscall(SYS_getresgid32, &ret[0], &ret[1], &ret[2]);
#else
  return (int)syscall(SYS_getresgid, &ret[0], &ret[1], &ret[2]);
#endif
}

/* Whether the calling thread has a permitted capability, or that cannot be told. */
static inline bool aiodns_kernel_has_capability(void)
{
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
  return syscall(SYS_capget, &header, data) != 0 || data[0].permitted != 0 || data[1].permitted != 0;
}

#endif
