import Platform
import Statistics
import TensorMath
import Testing

struct GEMMTests {
  private func reference(
    _ m: Int, _ n: Int, _ k: Int, _ a: (Int, Int) -> Float, _ b: (Int, Int) -> Float
  ) -> [Double] {
    (0..<m).flatMap { i in
      (0..<n).map { j in (0..<k).reduce(0.0) { $0 + Double(a(i, $1)) * Double(b($1, j)) } }
    }
  }

  @Test(arguments: [false, true], [false, true])
  func everyTransposition(transposeA: Bool, transposeB: Bool) {
    let (m, n, k) = (5, 7, 11)
    var generator = SeededGenerator(seed: 2)
    // Rows are two elements longer than needed, so that a stride that is ignored shows.
    let lda = (transposeA ? m : k) + 2
    let ldb = (transposeB ? k : n) + 2
    let ldc = n + 2
    let a = (0..<lda * max(m, k)).map { _ in Float(generator.normal()) }
    let b = (0..<ldb * max(n, k)).map { _ in Float(generator.normal()) }
    var c = [Float](repeating: 1, count: ldc * m)
    GEMM.multiply(
      m: m, n: n, k: k, a: a, lda: lda, transposeA: transposeA, b: b, ldb: ldb, transposeB: transposeB,
      c: &c, ldc: ldc, alpha: 2, beta: 3)
    let expected = reference(
      m, n, k,
      { transposeA ? a[$1 * lda + $0] : a[$0 * lda + $1] },
      { transposeB ? b[$1 * ldb + $0] : b[$0 * ldb + $1] })
    for i in 0..<m {
      for j in 0..<n { #expect(abs(Double(c[i * ldc + j]) - (2 * expected[i * n + j] + 3)) < 1e-4) }
      #expect(c[i * ldc + n] == 1 && c[i * ldc + n + 1] == 1)
    }
  }

  @Test func sameBitsFromManyThreads() {
    let size = 64
    var generator = SeededGenerator(seed: 4)
    let a = (0..<size * size).map { _ in Float(generator.normal()) }
    func product() -> [Float] {
      var c = [Float](repeating: 0, count: size * size)
      GEMM.multiply(m: size, n: size, k: size, a: a, lda: size, b: a, ldb: size, c: &c, ldc: size)
      return c
    }
    let expected = product()
    ThreadPool(threads: 4).forEach(100) { _, _ in #expect(product() == expected) }
  }

  @Test func descriptionNamesTheKernelType() {
    #expect(blasDescription.hasPrefix("OpenBLAS "))
    #expect(blasDescription.split(separator: " ").count == 3)
  }
}
