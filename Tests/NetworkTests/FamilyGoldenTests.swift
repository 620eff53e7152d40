import CNetworkKernels
import Checkpoint
import Platform
import Statistics
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// Small networks of every family: against PyTorch's logits, and with the same bits however the work is divided.
struct FamilyGoldenTests {
  /// Every instruction set of this processor; the first is the plain path by OpenBLAS, which works on any.
  static let sets = (0..<CK_ISA_COUNT.rawValue).map { ck_isa($0) }.filter { ck_layer_kernels_for($0) != nil }

  @Test func everyFamilyIsThere() {
    #expect(FamilyGolden.all.count >= 110)
    #expect(Self.sets.first == CK_SCALAR)
  }

  private func network(
    _ golden: FamilyGolden, _ set: ck_isa, threads: Int, sums: ConvolutionSums = .largeTiles,
    liveFloats: Int = 1 << 16
  ) throws -> Network {
    var options = ComputeOptions(sums: sums, instructionSet: set)
    options.liveFloatsPerThread = liveFloats
    return try Network(
      golden.description(), pool: ThreadPool(threads: threads), options: options)
  }

  @Test(arguments: FamilyGolden.all, sets)
  func logits(golden: FamilyGolden, set: ck_isa) throws {
    for sums in ConvolutionSums.allCases {
      let network = try network(golden, set, threads: 2, sums: sums)
      let input = try golden.input()
      #expect(ResNetTests.error(try network.logits(input).values, try golden.expected("logits")) < 1e-5)
      let batch = try network.forwardWithBatchStatistics(input) { _, _ in }
      #expect(ResNetTests.error(batch.values, try golden.expected("batch_logits")) < 1e-4)
    }
  }

  /// Every layer kept by itself, which nothing is fused into, gives what the fused steps give.
  @Test(arguments: FamilyGolden.all)
  func featuresOfAllLayers(golden: FamilyGolden) throws {
    let network = try network(golden, ck_layer_kernels_best().pointee.isa, threads: 2)
    let input = try golden.input()
    let names = Set(network.plan.graph.nodes.map { $0.name })
    let features = try network.features(of: names, input)
    let logits = try network.logits(input)
    if let classifier = network.classifier {
      let last = try #require(features[classifier.name])
      #expect(last.shape == [2, 1, 1, network.classCount])
      #expect(ResNetTests.error(last.values, logits.values.map(Double.init)) < 1e-5)
    } else {
      // The mean of two heads, which are no single classifier, or of the results of one at every place.
      let others = [
        "repvit", "pit-distilled", "efficientformer", "swiftformer", "squeezenet", "efficientformer-v2",
        "volo", "crossvit", "crossvit-convolutions",
      ]
      #expect(others.contains(golden.testDescription))
    }
    for name in names.prefix(5) {
      #expect(try network.features(of: [name], input)[name]?.shape == features[name]?.shape)
    }
    #expect(throws: NetworkError.unknownNode("nothing", architecture: network.architectureName)) {
      try network.features(of: ["nothing"], input)
    }
  }

  /// A file that differs by one tensor is another network, whichever tensor that is. Of the families that are known by
  /// their layouts, a missing one shows before the network is built.
  @Test(arguments: FamilyGolden.all)
  func refusesATensorMoreAndAConvolutionLess(golden: FamilyGolden) throws {
    let whole = try golden.checkpoint()
    let more = whole.replacing(["another.scale": TensorValue(f32: [1], shape: [1])])
    #expect(throws: NetworkError.self) { try golden.description(of: more) }
    guard golden.json["family"] == nil else { return }
    // GoogLeNet's auxiliary heads take no part in the logits.
    let convolutions = whole.tensors.filter { $0.shape.count == 4 && !$0.name.string.hasPrefix("aux") }.map(
      \.name)
    for index in stride(from: 0, to: convolutions.count, by: max(1, convolutions.count / 12)) {
      #expect(throws: NetworkError.self, "\(convolutions[index])") {
        try golden.description(of: whole.removing(convolutions[index]))
      }
    }
  }

  /// Families that their tensors do not tell all about are known by the layouts of their published networks.
  @Test(arguments: [
    ("lcnet", "lcnet_035"), ("edgetpu", "mobilenet_edgetpu_v2_xs"),
    ("mobilenetv4-conv", "mobilenetv4_conv_small_035"),
    ("byobnet", "test_byobnet"),
  ])
  func publishedLayoutsHaveNames(file: String, name: String) throws {
    let golden = try #require(FamilyGolden.all.first { $0.testDescription == file })
    let whole = try golden.checkpoint()
    let found = try NetworkDescription(whole)
    #expect(found.architectureName == name)
    #expect(found.assumption != nil)
    #expect(try found.graph == NetworkDescription(whole, architecture: name).graph)
    #expect(try found.graph == golden.description().graph)
    let wider = TensorValue(f32: [1], shape: [1])
    #expect(throws: NetworkError.self) {
      try NetworkDescription(whole.replacing(["bn1.running_mean": wider, "stem.conv.weight": wider]))
    }
  }

  @Test(arguments: FamilyGolden.all, sets)
  func sameBitsForAnyThreadsAndBatches(golden: FamilyGolden, set: ck_isa) throws {
    let input = try golden.input(images: 5)
    func moments(_ network: Network) throws -> [ChannelMoments] {
      var moments: [ChannelMoments] = []
      let logits = try network.forwardWithBatchStatistics(input) { moments.append($1) }
      moments.append(
        ChannelMoments(count: 1, mean: logits.values.map(Double.init), m2: logits.values.map { _ in 0 }))
      return moments
    }
    let one = try network(golden, set, threads: 1)
    let (expected, expectedMoments) = (try one.logits(input).values, try moments(one))
    for (threads, liveFloats) in [(2, 1), (3, 1 << 16), (3, .max >> 8)] {
      let network = try network(golden, set, threads: threads, liveFloats: liveFloats)
      #expect(try network.logits(input).values == expected)
      #expect(try moments(network) == expectedMoments)
      for parts in [[1, 1, 1, 1, 1], [3, 2]] {
        var (values, first) = ([Float](), 0)
        for count in parts {
          values += try network.logits(input.images(first..<first + count)).values
          first += count
        }
        #expect(values == expected)
      }
    }
  }
}
