// swift-tools-version: 6.2
import PackageDescription

/// The smallest package that uses the libraries; built and run by `make example`.
let package = Package(
  name: "recipe",
  dependencies: [.package(name: "ckpt-tools", path: "../..")],
  targets: [
    .executableTarget(
      name: "Recipe",
      dependencies: [
        "Averaging", "BatchNormCalibration", "Checkpoint", "ImageData", "NetworkExecution", "Platform",
        "Statistics",
      ].map { .product(name: $0, package: "ckpt-tools") })
  ]
)
