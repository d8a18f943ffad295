#include "filestate.h"

#include "mix.h"

uint64_t aiodns_filestate_of(const struct aiodns_kernel_file *file)
{
  uint64_t state = aiodns_mix(file->device);

  state = aiodns_mix(state + file->inode);
  state = aiodns_mix(state + file->size);
  state = aiodns_mix(state + (uint64_t)file->modified_ns);
  state = aiodns_mix(state + (uint64_t)file->changed_ns);
  return state > AIODNS_FILESTATE_UNKNOWN ? state : ~state;
}

bool aiodns_filestate_and_size(const char *path, uint64_t *ret, uint64_t *ret_size)
{
  struct aiodns_kernel_file file;

  *ret_size = 0;
  if (aiodns_kernel_stat(AT_FDCWD, path, &file) == 0) {
    *ret = aiodns_filestate_of(&file);
    *ret_size = file.size;
  } else if (errno == ENOENT) {
    *ret = AIODNS_FILESTATE_ABSENT;
  } else {
    return false;
  }
  return true;
}

bool aiodns_filestate_at(const char *path, uint64_t *ret)
{
  uint64_t size;

  return aiodns_filestate_and_size(path, ret, &size);
}

uint64_t aiodns_filestate_reliable(const char *path, uint64_t state)
{
  struct aiodns_kernel_file file;

  return aiodns_kernel_stat(AT_FDCWD, path, &file) == 0 && aiodns_filestate_of(&file) == state &&
                 aiodns_filestate_is_settled(&file, AIODNS_FILESTATE_SETTLE_NS)
             ? state
             : 0;
}

bool aiodns_filestate_is_settled(const struct aiodns_kernel_file *file, int64_t settle_ns)
{
  struct timespec now;
  /* The clock that the file's times are taken from; it goes back with them if somebody sets it. */
  return clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0 &&
         aiodns_kernel_in_ns(now.tv_sec, now.tv_nsec) - file->changed_ns >= settle_ns;
}
