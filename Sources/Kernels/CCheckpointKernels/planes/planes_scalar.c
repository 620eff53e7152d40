#define CK_ISA CK_SCALAR
#define CK_TABLE ck_planes_kernels_scalar
#include "planes.inc.h"
