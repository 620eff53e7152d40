#define CK_ISA CK_SCALAR
#define CK_TABLE ck_layer_kernels_scalar
#define CK_LANES 4
#include "layers.inc.h"
