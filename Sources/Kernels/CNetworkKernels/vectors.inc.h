// Vectors of CK_LANES floats and what is done to every element of a result.

typedef float vec __attribute__((vector_size(CK_LANES * 4)));
typedef int ivec __attribute__((vector_size(CK_LANES * 4)));

#define CK_INLINE static inline __attribute__((always_inline))

CK_INLINE ptrdiff_t minimum_of(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

CK_INLINE vec load(const float *p) {
  vec v;
  memcpy(&v, p, sizeof v);
  return v;
}
CK_INLINE void store(float *p, vec v) { memcpy(p, &v, sizeof v); }
CK_INLINE vec load_part(const float *p, ptrdiff_t n) {
  float buffer[CK_LANES] = {0};
  memcpy(buffer, p, (size_t)n * sizeof(float));
  return load(buffer);
}
CK_INLINE void store_part(float *p, vec v, ptrdiff_t n) { memcpy(p, &v, (size_t)n * sizeof(float)); }
CK_INLINE vec splat(float x) { return (vec){0} + x; }
CK_INLINE vec blend(ivec mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }
// A comparison with NaN is false, so these keep a NaN in `a`.
CK_INLINE vec at_least(vec a, float bound) { return blend(a < splat(bound), splat(bound), a); }
CK_INLINE vec at_most(vec a, float bound) { return blend(a > splat(bound), splat(bound), a); }
