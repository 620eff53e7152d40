// Kernels in C. Where there are several for different instruction sets, the choice is made at run time.
#pragma once
#include "ck_average.h"
#include "ck_convert.h"
#include "ck_deflate.h"
#include "ck_half.h"
#include "ck_layers.h"
#include "ck_moments.h"
#include "ck_pending_outputs.h"
#include "ck_planes.h"
#include "ck_resize.h"
#include "ck_unnamed_file.h"
#include "ck_spin.h"
