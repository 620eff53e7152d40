#pragma once

// Files without a name, which the kernel frees with their last descriptor however the process ends. All return -1 and
// set errno on failure.

// A scratch file in `folder`.
int ck_scratch_file(const char *folder);

// A file in `folder` that `ck_name_file` can give a name once it is complete. Not every file system has such files.
int ck_nameable_file(const char *folder, unsigned mode);

// Fails with EEXIST when `path` is taken.
int ck_name_file(int descriptor, const char *path);
