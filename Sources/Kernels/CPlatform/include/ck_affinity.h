#pragma once

// The number of processors that this process may run on, by its affinity mask where there is one.
int ck_allowed_processors(void);
