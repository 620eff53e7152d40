// swift-tools-version: 6.2
import PackageDescription

// The floors of the house, from the ground up; CONTRIBUTING.md walks through them. A target depends on targets of its
// own floor that stand before it and on lower floors only, which Tests/HouseTests checks.

let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

func systemLibrary(_ name: String, pkgConfig: String, apt: String) -> Target {
  .systemLibrary(
    name: name, path: "Sources/SystemLibraries/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

func kernels(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, path: "Sources/Kernels/\(name)")
}

func library(
  _ floor: String, _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Sources/\(floor)/\(name)", exclude: exclude,
    swiftSettings: strict)
}

func tool(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies + ["Command", argumentParser], path: "Sources/Tools/\(name)",
    swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(
    name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude, swiftSettings: strict)
}

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")

let systemLibraries = [
  systemLibrary("COpenBLAS", pkgConfig: "openblas", apt: "libopenblas-dev"),
  systemLibrary("CCrypto", pkgConfig: "libcrypto", apt: "libssl-dev"),
  systemLibrary("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
  systemLibrary("CDeflate", pkgConfig: "libdeflate", apt: "libdeflate-dev"),
  systemLibrary("CJPEG", pkgConfig: "libjpeg", apt: "libjpeg-dev"),
  systemLibrary("CPNG", pkgConfig: "libpng", apt: "libpng-dev"),
  systemLibrary("CWebP", pkgConfig: "libwebp", apt: "libwebp-dev"),
]

let cKernels = [
  kernels("CPlatform"),
  kernels("CCheckpointKernels", ["CPlatform"]),
  kernels("CNetworkKernels", ["CPlatform"]),
  kernels("CImageKernels", ["CPlatform", "CJPEG", "CPNG", "CWebP"]),
]

let libraries = [
  library("Foundations", "Platform", ["CPlatform"]),
  library("Foundations", "Statistics", ["CNetworkKernels", "Platform"]),
  library("Foundations", "TensorMath", ["COpenBLAS", "Platform"]),

  library("Formats", "Checkpoint", ["CCheckpointKernels", "CDeflate", "CPlatform", "CZlib", "Platform"]),
  library(
    "Data", "ImageData",
    ["CImageKernels", "CZlib", "Checkpoint", "Platform", "Statistics", "TensorMath"]),

  library(
    "Networks", "NetworkGraphs", ["Checkpoint", "Platform", protobuf],
    exclude: ["ONNX/Model/Schema/onnx_subset.proto"]),
  library(
    "Networks", "NetworkExecution",
    [
      "CNetworkKernels", "CPlatform", "Checkpoint", "NetworkGraphs", "Platform", "Statistics", "TensorMath",
    ]),

  library(
    "Methods", "Evaluation",
    ["Checkpoint", "ImageData", "NetworkExecution", "NetworkGraphs", "Platform", "Statistics", "TensorMath"]),
  library(
    "Methods", "BatchNormCalibration",
    ["Checkpoint", "ImageData", "NetworkExecution", "NetworkGraphs", "Platform", "Statistics", "TensorMath"]),
  library(
    "Methods", "Averaging", ["CCheckpointKernels", "CCrypto", "Checkpoint", "Platform", "Statistics"]),
  library(
    "Methods", "FineTuning",
    [
      "CPlatform", "Checkpoint", "ImageData", "NetworkExecution", "NetworkGraphs", "Platform", "Statistics",
      "TensorMath",
    ]),
  library(
    "Methods", "ResolutionSweep",
    [
      "Checkpoint", "Evaluation", "ImageData", "NetworkExecution", "NetworkGraphs", "Platform", "Statistics",
    ]),

  library(
    "Methods", "ModelSearch",
    [
      "Averaging", "BatchNormCalibration", "Checkpoint", "Evaluation", "FineTuning", "ImageData",
      "NetworkExecution", "NetworkGraphs", "Platform", "ResolutionSweep", "Statistics",
    ]),

  library("CommandLine", "Charts", ["Platform"]),
  library("CommandLine", "Command", ["Checkpoint", "Platform", argumentParser]),
  library(
    "CommandLine", "SeriesCommand", ["Averaging", "Checkpoint", "Command", "Platform", argumentParser]),
  library(
    "CommandLine", "NetworkCommand",
    [
      "Checkpoint", "Command", "Evaluation", "ImageData", "NetworkExecution", "NetworkGraphs", "Platform",
      "TensorMath", argumentParser,
    ]),
]

let tools: [Target] = [
  tool("ckpt-average", ["Averaging", "Checkpoint", "Platform", "SeriesCommand", "Statistics"]),
  tool(
    "ckpt-best",
    [
      "Averaging", "BatchNormCalibration", "Charts", "Checkpoint", "Evaluation", "FineTuning", "ImageData",
      "ModelSearch", "NetworkCommand", "NetworkExecution", "Platform", "ResolutionSweep", "SeriesCommand",
      "Statistics",
    ]),
  tool(
    "ckpt-bnfix",
    [
      "BatchNormCalibration", "Checkpoint", "Evaluation", "ImageData", "NetworkCommand", "NetworkExecution",
      "NetworkGraphs", "Platform", "Statistics",
    ]),
  tool("ckpt-convert", ["Checkpoint", "Platform"]),
  tool(
    "ckpt-fixres",
    [
      "Charts", "Checkpoint", "FineTuning", "ImageData", "NetworkCommand", "NetworkExecution",
      "NetworkGraphs",
      "Platform", "Statistics", "TensorMath",
    ]),
  tool("ckpt-info", ["Checkpoint", "NetworkGraphs", "Platform"]),
  tool(
    "ckpt-sweep",
    [
      "BatchNormCalibration", "Charts", "Checkpoint", "Evaluation", "ImageData", "NetworkCommand",
      "NetworkExecution", "NetworkGraphs", "Platform", "ResolutionSweep", "Statistics",
    ]),
]

let package = Package(
  name: "ckpt-tools",
  products: libraries.map { .library(name: $0.name, targets: [$0.name]) }
    + tools.map { .executable(name: $0.name, targets: [$0.name]) },
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    // Without its default traits, one of which needs the whole of Foundation.
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
  ],
  targets: systemLibraries + cKernels + libraries + tools + [
    .target(
      name: "TestSupport", dependencies: ["Checkpoint", "Platform"], path: "Tests/TestSupport",
      swiftSettings: strict),
    .testTarget(
      name: "HouseTests", dependencies: libraries.map { .target(name: $0.name) }, swiftSettings: strict),
    tests("PlatformTests", ["Platform"]),
    tests("StatisticsTests", ["Statistics"]),
    tests("TensorMathTests", ["Platform", "Statistics", "TensorMath"]),
    tests("CheckpointTests", ["CCheckpointKernels", "CPlatform", "CZlib", "Checkpoint", "Platform"]),
    tests("ImageDataTests", ["CZlib", "Checkpoint", "ImageData", "Platform", "Statistics", "TensorMath"]),
    tests(
      "NetworkTests",
      [
        "CNetworkKernels", "CPlatform", "Checkpoint", "ImageData", "NetworkExecution", "NetworkGraphs",
        "Platform", "Statistics", "TensorMath",
      ]),
    tests(
      "AveragingTests",
      ["Averaging", "CCheckpointKernels", "CPlatform", "Checkpoint", "Platform", "Statistics"]),
    tests(
      "BatchNormCalibrationTests",
      [
        "BatchNormCalibration", "Checkpoint", "ImageData", "NetworkExecution", "NetworkGraphs", "Platform",
        "Statistics", "TensorMath",
      ]),
    tests(
      "FineTuningTests",
      [
        "Checkpoint", "FineTuning", "ImageData", "NetworkExecution", "NetworkGraphs", "Platform",
        "Statistics",
        "TensorMath",
      ]),
    tests(
      "ResolutionSweepTests",
      [
        "Checkpoint", "Evaluation", "ImageData", "NetworkExecution", "NetworkGraphs", "Platform",
        "ResolutionSweep", "Statistics", "TensorMath",
      ]),
    tests(
      "ModelSearchTests",
      [
        "Averaging", "Checkpoint", "Evaluation", "ImageData", "ModelSearch", "Platform", "ResolutionSweep",
        "Statistics",
      ]),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "Averaging", "BatchNormCalibration", "Charts", "Checkpoint", "Command", "Evaluation", "FineTuning",
        "ImageData", "ModelSearch", "NetworkCommand", "NetworkExecution", "NetworkGraphs", "Platform",
        "ResolutionSweep", "SeriesCommand", "Statistics", "TensorMath", "TestSupport",
      ] + tools.map { .byName(name: $0.name) },
      path: "Tests/Commands", exclude: tools.map(\.name) + ["README.md", "data"], swiftSettings: strict),
  ]
)
