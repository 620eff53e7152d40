import ConvNet
import TensorMath

/// Version of the tools, of their provenance entries and of their reports.
package let toolsVersion = "0.1.0"

/// What `--version` prints: the version, then the kernel types for which equal bytes are promised.
package func versionText(_ tool: String) -> String { "\(tool) \(toolsVersion)\n\(kernelText)" }

/// The kernel types in use.
var kernelText: String {
  let kernels = [Network.instructionSet, Network.bfloat16InstructionSet, blasDescription]
  return "kernels: \(kernels.compactMap(\.self).joined(separator: ", "))"
}
