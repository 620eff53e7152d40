#include <stddef.h>
#include <string.h>

#include "ck_layers.h"
#define CK_LANES 4
#define CK_NAME "baseline"
#define CK_TABLE ck_layer_kernels_baseline
#include "layers.inc.h"

