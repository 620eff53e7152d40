// Kernels on the elements and bytes of checkpoints.
#pragma once
#include "ck_average.h"
#include "ck_convert.h"
#include "ck_deflate.h"
#include "ck_planes.h"
