// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that building the tools builds no benchmark. It sees no more of the libraries than
// their users do.

let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

func benchmark(_ name: String, _ folder: String, _ libraries: [String]) -> Target {
  .executableTarget(
    name: name, dependencies: libraries.map { .product(name: $0, package: "ckpt-tools") },
    path: "Sources/\(folder)", swiftSettings: strict)
}

let package = Package(
  name: "ckpt-benchmarks",
  dependencies: [.package(name: "ckpt-tools", path: "..")],
  targets: [
    benchmark("container", "Container", ["Checkpoint", "Platform"]),
    benchmark(
      "engine", "Engine",
      ["Checkpoint", "NetworkExecution", "NetworkGraphs", "Platform", "Statistics", "TensorMath"]),
    benchmark("image-loading", "ImageLoading", ["ImageData"]),
    benchmark(
      "sweep-simulation", "SweepSimulation", ["Evaluation", "Platform", "ResolutionSweep", "Statistics"]),
  ]
)
