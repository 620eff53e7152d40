// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

/// A library of the module graph. Imports point downwards only; the layers are explained in CONTRIBUTING.md.
func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tool(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name,
    dependencies: dependencies + [
      "CommandSupport", .product(name: "ArgumentParser", package: "swift-argument-parser"),
    ],
    swiftSettings: strict)
}

func tests(_ module: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
  .testTarget(
    name: module + "Tests",
    dependencies: [.byName(name: module), "TestSupport"] + dependencies, exclude: exclude,
    swiftSettings: strict)
}

func systemLibrary(_ name: String, pkgConfig: String, apt: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let tools: [Target] = [
  tool("ckpt-average", ["Averaging", "Checkpoint", "TensorMath"]),
  tool(
    "ckpt-bnfix",
    ["BatchNormCalibration", "Checkpoint", "ConvNet", "ImageData", "ResolutionSweep", "TensorMath"]),
  tool("ckpt-fixres", ["ClassifierTuning", "Checkpoint", "ConvNet", "ImageData", "TensorMath"]),
  tool("ckpt-convert", ["Checkpoint", "CheckpointTools"]),
  tool("ckpt-info", ["Checkpoint", "CheckpointTools", "ConvNet"]),
  tool(
    "ckpt-sweep",
    ["BatchNormCalibration", "ResolutionSweep", "Checkpoint", "ConvNet", "ImageData", "TensorMath"]),
]

let libraries = [
  "Checkpoint", "TensorMath", "CheckpointTools", "ConvNet", "ImageData", "Averaging", "BatchNormCalibration",
  "ClassifierTuning", "ResolutionSweep",
]

let package = Package(
  name: "ckpt-tools",
  products: libraries.map { .library(name: $0, targets: [$0]) }
    + tools.map { .executable(name: $0.name, targets: [$0.name]) },
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    // Without its default traits, one of which needs the whole of Foundation.
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
  ],
  targets: [
    systemLibrary("COpenBLAS", pkgConfig: "openblas", apt: "libopenblas-dev"),
    systemLibrary("CCrypto", pkgConfig: "libcrypto", apt: "libssl-dev"),
    systemLibrary("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
    systemLibrary("CDeflate", pkgConfig: "libdeflate", apt: "libdeflate-dev"),
    systemLibrary("CJPEG", pkgConfig: "libjpeg", apt: "libjpeg-dev"),
    systemLibrary("CPNG", pkgConfig: "libpng", apt: "libpng-dev"),
    systemLibrary("CWebP", pkgConfig: "libwebp", apt: "libwebp-dev"),
    .target(name: "CKernels"),
    .target(name: "CImageCodecs", dependencies: ["CJPEG", "CPNG", "CWebP"]),

    library("Checkpoint", ["CDeflate", "CZlib", "CKernels"]),
    library("TensorMath", ["COpenBLAS", "CKernels"]),

    library("CheckpointTools", ["Checkpoint"]),
    .target(
      name: "ONNXModel",
      dependencies: ["Checkpoint", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
      exclude: ["Schema/onnx_subset.proto"], swiftSettings: strict),
    library("ConvNet", ["Checkpoint", "TensorMath", "CKernels", "ONNXModel"]),
    library("ImageData", ["Checkpoint", "TensorMath", "CImageCodecs", "CKernels", "CZlib"]),

    library("Averaging", ["Checkpoint", "TensorMath", "CCrypto", "CKernels"]),
    library("BatchNormCalibration", ["Checkpoint", "ConvNet", "ImageData", "TensorMath"]),
    library("ClassifierTuning", ["Checkpoint", "ConvNet", "ImageData", "TensorMath", "CKernels"]),
    library("ResolutionSweep", ["Checkpoint", "ConvNet", "ImageData", "TensorMath"]),

    .target(
      name: "CommandSupport",
      dependencies: [
        "Checkpoint", "ConvNet", "ImageData", "ONNXModel", "TensorMath",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),

    .executableTarget(
      name: "sweep-simulation", dependencies: ["ResolutionSweep", "TensorMath"],
      path: "Benchmarks/SweepSimulation", exclude: ["RESULTS.txt"], swiftSettings: strict),

    .target(
      name: "TestSupport", dependencies: ["Checkpoint"], path: "Tests/TestSupport",
      swiftSettings: strict),
    .executableTarget(
      name: "image-loading", dependencies: ["ImageData"], path: "Benchmarks/ImageLoading",
      exclude: ["compare.py"], swiftSettings: strict),
    .executableTarget(
      name: "container", dependencies: ["Checkpoint"], path: "Benchmarks/Container", swiftSettings: strict),
    .executableTarget(
      name: "engine", dependencies: ["Checkpoint", "ConvNet", "ONNXModel", "TensorMath"],
      path: "Benchmarks/Engine",
      swiftSettings: strict),
    tests("Checkpoint", ["CKernels", "CZlib"]),
    tests("CheckpointTools", ["Checkpoint"]),
    tests("TensorMath"),
    tests(
      "ConvNet", ["CKernels", "Checkpoint", "ImageData", "ONNXModel", "TensorMath"], exclude: ["Goldens"]),
    tests("ImageData", ["CZlib", "Checkpoint", "TensorMath"]),
    tests("Averaging", ["CKernels", "Checkpoint", "TensorMath"]),
    tests("BatchNormCalibration", ["Checkpoint", "ConvNet", "ImageData", "TensorMath"]),
    tests("ClassifierTuning", ["Checkpoint", "ConvNet", "ImageData", "TensorMath"]),
    tests("ResolutionSweep", ["Checkpoint", "ConvNet", "ImageData", "TensorMath"]),
    .testTarget(
      name: "CommandLineTests",
      dependencies: ["TestSupport", "Checkpoint", "CommandSupport", "ImageData"]
        + tools.map { .byName(name: $0.name) },
      swiftSettings: strict),
  ] + tools
)
