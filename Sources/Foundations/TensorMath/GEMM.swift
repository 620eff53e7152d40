import COpenBLAS
import Platform
import Synchronization

/// Matrix products by OpenBLAS on the calling thread alone.
public enum GEMM {
  // Evaluated once before the first product: parallelism comes from `ThreadPool`, and the bits of a product must not
  // depend on how many threads BLAS would take.
  private static let singleThreaded: Void = openblas_set_num_threads(1)

  // OpenBLAS takes a work buffer for each product that runs at the same time as others, keeps it, and tries for ever
  // when the system has none to give (`blas_memory_alloc`). So the first product that needs another one asks before.
  private static let running = Atomic<Int>(0)
  private static let buffers = Atomic<Int>(0)
  private static let bufferBytes = 136 << 20

  private static func requireBuffer(for products: Int) {
    guard products > buffers.load(ordering: .relaxed) else { return }
    let probe = mmap(nil, bufferBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard probe != MAP_FAILED else {
      fatalError("out of memory: \(bufferBytes >> 20) MiB of address space for a matrix product")
    }
    munmap(probe, bufferBytes)
    buffers.max(products, ordering: .relaxed)
  }

  /// C = alpha A B + beta C in float32, row-major.
  ///
  /// The bits depend on `m`, `n`, `k` and the kernel type (`blasDescription`), not on the calling thread.
  /// - Parameters:
  ///   - m: Rows of A and C.
  ///   - n: Columns of B and C.
  ///   - k: Columns of A, rows of B.
  ///   - a: First element of A, `[m, k]`, or `[k, m]` when transposed.
  ///   - lda: Distance between the rows of A as stored.
  ///   - transposeA: Whether A is stored transposed.
  ///   - b: First element of B, `[k, n]`, or `[n, k]` when transposed.
  ///   - ldb: Distance between the rows of B as stored.
  ///   - transposeB: Whether B is stored transposed.
  ///   - c: First element of C, `[m, n]`.
  ///   - ldc: Distance between the rows of C.
  ///   - alpha: Factor of the product.
  ///   - beta: Factor of the old C; with 0 the old C is not read.
  public static func multiply(
    m: Int, n: Int, k: Int,
    a: UnsafePointer<Float>, lda: Int, transposeA: Bool = false,
    b: UnsafePointer<Float>, ldb: Int, transposeB: Bool = false,
    c: UnsafeMutablePointer<Float>, ldc: Int, alpha: Float = 1, beta: Float = 0
  ) {
    singleThreaded
    requireBuffer(for: running.add(1, ordering: .relaxed).newValue)
    defer { running.subtract(1, ordering: .relaxed) }
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
      blasint(m), blasint(n), blasint(k), alpha, a, blasint(lda), b, blasint(ldb), beta, c, blasint(ldc))
  }
}

/// The BLAS in use and its kernel type, for example `OpenBLAS 0.3.21 SkylakeX`.
public var blasDescription: String {
  let configuration = String(cString: openblas_get_config()).split(separator: " ")
  let version = configuration.prefix(2).joined(separator: " ")
  return "\(version) \(String(cString: openblas_get_corename()))"
}
