#define _GNU_SOURCE
#include "ck_unnamed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int ck_scratch_file(const char *folder) {
#ifdef O_TMPFILE
  int unnamed = open(folder, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (unnamed >= 0) return unnamed;
#endif
  char *path = NULL;
  if (asprintf(&path, "%s/ckpt-scratch-XXXXXX", folder) < 0) return -1;
  int descriptor = mkstemp(path);
  if (descriptor >= 0) {
    unlink(path);
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  }
  int code = errno;
  free(path);
  errno = code;
  return descriptor;
}

// The name is made through /proc: linking a bare descriptor takes a privilege.
static void descriptor_path(int descriptor, char path[32]) { snprintf(path, 32, "/proc/self/fd/%d", descriptor); }

int ck_nameable_file(const char *folder, unsigned mode) {
#ifdef O_TMPFILE
  int descriptor = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
  if (descriptor < 0) return -1;
  char path[32];
  descriptor_path(descriptor, path);
  if (access(path, F_OK) == 0) return descriptor;
  close(descriptor);
#endif
  errno = EOPNOTSUPP;
  return -1;
}

int ck_name_file(int descriptor, const char *path) {
  char source[32];
  descriptor_path(descriptor, source);
  return linkat(AT_FDCWD, source, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}
