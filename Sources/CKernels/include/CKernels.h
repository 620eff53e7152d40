// Kernels in C. Where there are several for different instruction sets, the choice is made at run time.
#pragma once
#include "ck_moments.h"
