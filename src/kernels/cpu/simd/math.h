#ifndef PILOTFISH_KERNELS_CPU_SIMD_MATH_H_
#define PILOTFISH_KERNELS_CPU_SIMD_MATH_H_

namespace pilotfish::simd {

// e^x to within 1 ulp, over the whole range: infinity above 88.73, subnormal
// results, 0 for -infinity, NaN for NaN.
//
// x = n ln 2 + r with |r| <= ln 2 / 2; ln 2 is split in two so that n ln 2
// loses nothing; e^r by its Taylor series, whose first omitted term is below
// 6e-9 of the result.
template <typename V>
typename V::Floats exponential(typename V::Floats x) {
  using Floats = typename V::Floats;
  // Beyond these the result is infinity or 0 all the same. NaN passes.
  x = V::max(V::broadcast(-110.0f), V::min(V::broadcast(90.0f), x));
  const Floats n = V::round(V::multiply(x, V::broadcast(0x1.715476p+0f)));
  Floats r = V::fnma(n, V::broadcast(0x1.62e4p-1f), x);
  r = V::fnma(n, V::broadcast(0x1.7f7d1cp-20f), r);
  constexpr float kInverseFactorials[] = {1.0f / 720, 1.0f / 120, 1.0f / 24,
                                          1.0f / 6,   1.0f / 2,   1.0f};
  Floats series = V::broadcast(1.0f / 5040);
  for (const float coefficient : kInverseFactorials) {
    series = V::fma(series, r, V::broadcast(coefficient));
  }
  return V::scale(V::fma(series, r, V::broadcast(1.0f)), n);
}

}  // namespace pilotfish::simd

#endif  // PILOTFISH_KERNELS_CPU_SIMD_MATH_H_
