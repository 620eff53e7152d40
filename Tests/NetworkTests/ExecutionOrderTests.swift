import CNetworkKernels
import Platform
import Statistics
import TensorMath
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// What makes execution faster changes no bit: maps finished by their readers, maps within maps, images in stages.
struct ExecutionOrderTests {
  struct Subject: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let description: NetworkDescription
    let input: Tensor
  }

  /// Every family in small, and wider ResNets, whose layers are those of Winograd's transforms and of large weights.
  static let subjects: [Subject] = {
    var subjects = FamilyGolden.all.map { golden in
      Subject(
        testDescription: golden.testDescription, description: try! golden.description(),
        input: try! golden.input(images: 7))
    }
    var generator = SeededGenerator(seed: 31)
    for (index, checkpoint) in InstructionSetTests.checkpoints.enumerated() {
      let pixels = (0..<13 * 33 * 47 * 3).map { _ in Float(generator.normal()) }
      subjects.append(
        Subject(
          testDescription: "wide \(index)", description: try! NetworkDescription(checkpoint),
          input: Tensor(shape: [13, 33, 47, 3], values: pixels)))
    }
    return subjects
  }()

  private func network(_ subject: Subject, _ set: ck_isa, threads: Int, liveFloats: Int = 1 << 20) throws
    -> Network
  {
    var options = ComputeOptions(instructionSet: set)
    options.liveFloatsPerThread = liveFloats
    return try Network(
      subject.description, pool: ThreadPool(threads: threads), options: options)
  }

  @Test(arguments: subjects, FamilyGoldenTests.sets)
  func finishedByTheNextReader(subject: Subject, set: ck_isa) throws {
    let network = try network(subject, set, threads: 3)
    let images = subject.input.shape[0]
    let sizes = try network.plan.graph.sizes(height: subject.input.shape[1], width: subject.input.shape[2])
    for mode in [ForwardMode.inference, .batchStatistics] {
      func executor(sharesMaps: Bool) -> Executor {
        let executor = Executor(
          network, mode: mode, affines: network.runningAffines(for: network.plan), images: images,
          sizes: sizes,
          sharesMaps: sharesMaps)
        executor.setInput(subject.input, first: 0)
        return executor
      }
      let (plain, deferring) = (executor(sharesMaps: false), executor(sharesMaps: true))
      var moments: [ChannelMoments] = []
      for index in network.plan.steps.indices {
        let found = plain.measure(index).map(ChannelMoments.init(merging:))
        if let found { moments.append(found) }
        plain.complete(index, moments: found)
      }
      var seen: [ChannelMoments] = []
      try deferring.run(network.plan.steps.indices) { seen.append($1) }
      #expect(seen == moments)
      #expect(seen.count == (mode == .inference ? 0 : network.batchNorms.count))
      let (found, expected) = (deferring.map(network.plan.graph.output), plain.map(network.plan.graph.output))
      let count = images * network.classCount
      #expect(found.pointer[0].isFinite)
      #expect((0..<count).allSatisfy { found.pointer[$0] == expected.pointer[$0] })
    }
  }

  @Test(arguments: subjects, FamilyGoldenTests.sets)
  func stages(subject: Subject, set: ck_isa) throws {
    let expected = try network(subject, set, threads: 1, liveFloats: .max >> 8).logits(subject.input).values
    for liveFloats in [1, 1 << 14, 1 << 17] {
      #expect(
        try network(subject, set, threads: 2, liveFloats: liveFloats).logits(subject.input).values == expected
      )
    }
  }

  @Test(arguments: subjects) func stagesAreAllSteps(subject: Subject) throws {
    let plan = try network(subject, ck_layer_kernels_best().pointee.isa, threads: 1).plan
    let sizes = try plan.graph.sizes(height: subject.input.shape[1], width: subject.input.shape[2])
    for budget in [1, 1 << 14, 1 << 17, .max] {
      let stages = plan.stages(end: plan.steps.count, sizes: sizes, budget: budget)
      #expect(stages.flatMap { Array($0.steps) } == Array(plan.steps.indices))
      #expect(zip(stages, stages.dropFirst()).allSatisfy { 2 * $0.images <= $1.images })
      #expect(stages.last?.output == plan.graph.output)
    }
  }

  @Test func buffersOfOtherSizesAreNotKept() {
    let pool = BufferPool(slack: 0)
    for step in 1...40 {
      // Like the maps of ever larger inputs, two in use at a time.
      let (a, b) = (pool.lease(1000 * step * step), pool.lease(500 * step * step))
      #expect(a.buffer.count >= 1000 * step * step && b.buffer.count >= 500 * step * step)
      #expect(a.buffer !== b.buffer)
    }
    #expect(pool.heldFloats <= 1500 * 40 * 40 * 3 / 2)
  }
}
