#pragma once

// Paths to remove when a signal ends the process. `add` copies the path and returns its slot, -1 when all are taken.
int ck_pending_outputs_add(const char *path);
void ck_pending_outputs_forget(int slot);

// Unlinks every registered path. Async-signal-safe.
void ck_pending_outputs_remove(void);
