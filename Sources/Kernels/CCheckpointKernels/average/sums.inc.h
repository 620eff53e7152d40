// Weighted sums in double, and their division and rounding.

// Long enough to hide the loop over the inputs, short enough that the sums stay in registers or the first cache.
enum { block = 64 };

// `widen` is a constant at every call.
CK_INLINE void accumulate_by(double widen(const void *, ptrdiff_t), const void *const *x, const double *keep,
                             const double *add, ptrdiff_t inputs, ptrdiff_t from, ptrdiff_t count, int resume,
                             double *sum) {
  for (ptrdiff_t first = 0; first < count; first += block) {
    const ptrdiff_t at = from + first;
    double s[block];
    if (count - first >= block) {
      ptrdiff_t k = 0;
      if (resume) {
        memcpy(s, sum + first, sizeof s);
      } else {
        for (ptrdiff_t i = 0; i < block; i++) s[i] = add[0] * widen(x[0], at + i);
        k = 1;
      }
      for (; k < inputs; k++) {
        const double a = keep[k], b = add[k];
        const void *const in = x[k];
        if (a == 1 && b == 1) {
          for (ptrdiff_t i = 0; i < block; i++) s[i] = s[i] + widen(in, at + i);
        } else if (a == 1) {
          for (ptrdiff_t i = 0; i < block; i++) s[i] = s[i] + b * widen(in, at + i);
        } else {
          for (ptrdiff_t i = 0; i < block; i++) s[i] = a * s[i] + b * widen(in, at + i);
        }
      }
      memcpy(sum + first, s, sizeof s);
    } else {
      for (ptrdiff_t i = first; i < count; i++) {
        double t = resume ? sum[i] : add[0] * widen(x[0], from + i);
        for (ptrdiff_t k = resume ? 0 : 1; k < inputs; k++) t = keep[k] * t + add[k] * widen(x[k], from + i);
        sum[i] = t;
      }
    }
  }
}

// As `accumulate` of the table, for the inputs from `first` on.
static void accumulate_from(ck_element element, const void *const *x, const double *keep, const double *add,
                            ptrdiff_t inputs, ptrdiff_t first, ptrdiff_t count, int resume, double *sum) {
  switch (element) {
    case CK_F64: accumulate_by(widen_f64, x, keep, add, inputs, first, count, resume, sum); break;
    case CK_F32: accumulate_by(widen_f32, x, keep, add, inputs, first, count, resume, sum); break;
    case CK_F16: accumulate_by(widen_f16, x, keep, add, inputs, first, count, resume, sum); break;
    case CK_BF16: accumulate_by(widen_bf16, x, keep, add, inputs, first, count, resume, sum); break;
  }
}

CK_INLINE int round_sums(ck_element element, const double *sum, double divisor, ptrdiff_t count, void *out) {
  uint32_t bad = 0;
  switch (element) {
    case CK_F64:
      for (ptrdiff_t i = 0; i < count; i++) {
        const double value = sum[i] / divisor;
        bad |= !(fabs(value) <= DBL_MAX);
        memcpy((char *)out + 8 * i, &value, sizeof value);
      }
      break;
    case CK_F32:
      for (ptrdiff_t i = 0; i < count; i++) {
        const float value = (float)(sum[i] / divisor);
        bad |= !(fabsf(value) <= FLT_MAX);
        memcpy((char *)out + 4 * i, &value, sizeof value);
      }
      break;
    case CK_F16:
    case CK_BF16:
      for (ptrdiff_t first = 0; first < count; first += block) {
        const ptrdiff_t n = count - first < block ? count - first : block;
        uint32_t odd[block];
        uint16_t half[block];
        uint16_t largest = 0;
        for (ptrdiff_t i = 0; i < n; i++) odd[i] = round_to_odd(sum[first + i] / divisor);
        if (element == CK_F16) {
          for (ptrdiff_t i = 0; i < n; i++) half[i] = odd_to_f16(odd[i]);
        } else {
          for (ptrdiff_t i = 0; i < n; i++) half[i] = odd_to_bf16(odd[i]);
        }
        const uint16_t infinity = element == CK_F16 ? 0x7c00 : 0x7f80;
        for (ptrdiff_t i = 0; i < n; i++) {
          const uint16_t magnitude = half[i] & 0x7fff;
          largest = magnitude > largest ? magnitude : largest;
        }
        bad |= largest >= infinity;
        memcpy((char *)out + 2 * first, half, (size_t)n * sizeof *half);
      }
      break;
  }
  return bad != 0;
}

