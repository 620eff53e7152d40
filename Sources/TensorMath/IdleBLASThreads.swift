import COpenBLAS

/// Ends the threads that OpenBLAS has started while it was loaded.
///
/// They wait for work in a busy loop for some 25 ms, which a short program without matrix products would spend beside
/// them. A later product starts them again.
public func stopIdleBLASThreads() { ck_blas_stop_threads() }
