#include "file.h"

#include "unit.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static int fd = -1;

const char *file_of(const void *octets, size_t len)
{
  static char path[64];
  file_done();
  fd = memfd_create("unit", MFD_CLOEXEC);
  assert_true(fd >= 0);
  for (size_t done = 0; done < len;) {
    ssize_t put = write(fd, (const char *)octets + done, len - done);
    assert_true(put > 0);
    done += (size_t)put;
  }
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return path;
}

void file_done(void)
{
  if (fd >= 0)
    close(fd);
  fd = -1;
}
