#define CK_ISA CK_SCALAR
#define CK_TABLE ck_average_kernels_scalar
#include "average.inc.h"
