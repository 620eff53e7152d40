// The operating system and the processor, as far as they need C.
#pragma once
#include "ck_affinity.h"
#include "ck_pending_outputs.h"
#include "ck_processor.h"
#include "ck_spin.h"
#include "ck_unnamed_file.h"
