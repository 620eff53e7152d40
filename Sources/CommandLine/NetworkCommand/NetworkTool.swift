import Command
import NetworkExecution
import TensorMath

/// A tool that runs networks, whose bytes depend on the kernel types in use.
package protocol NetworkTool: CheckpointTool {}

extension NetworkTool {
  package static var kernels: String? { kernelDescription }
}

/// The kernel types in use, such as `avx512, amx-bf16, OpenBLAS 0.3.21 SkylakeX`.
package var kernelDescription: String {
  [Network.instructionSet, Network.bfloat16InstructionSet, blasDescription].compactMap(\.self)
    .joined(separator: ", ")
}
