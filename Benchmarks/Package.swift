// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that building the tools builds no benchmark. It sees no more of the libraries than
// their users do.

let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

func benchmark(
  _ name: String, _ folder: String, _ libraries: [String], with own: [Target.Dependency] = []
) -> Target {
  .executableTarget(
    name: name, dependencies: libraries.map { .product(name: $0, package: "ckpt-tools") } + own,
    path: "Sources/\(folder)", swiftSettings: strict)
}

let package = Package(
  name: "ckpt-benchmarks",
  dependencies: [.package(name: "ckpt-tools", path: "..")],
  targets: [
    .target(name: "Simulation", path: "Sources/Simulation", swiftSettings: strict),
    benchmark("container", "Container", ["Checkpoint", "Platform"]),
    benchmark(
      "engine", "Engine",
      ["Checkpoint", "NetworkExecution", "NetworkGraphs", "Platform", "Statistics", "TensorMath"]),
    benchmark("image-loading", "ImageLoading", ["ImageData"]),
    benchmark(
      "search-simulation", "SearchSimulation",
      ["ImageData", "ModelSearch", "ResolutionSweep", "Statistics"], with: ["Simulation"]),
    benchmark(
      "sweep-simulation", "SweepSimulation", ["Evaluation", "Platform", "ResolutionSweep", "Statistics"],
      with: ["Simulation"]),
  ]
)
