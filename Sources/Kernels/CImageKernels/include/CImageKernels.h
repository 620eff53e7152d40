// Images: decoding to 8-bit RGB, and resizing.
#pragma once
#include "ck_image.h"
#include "ck_resize.h"
