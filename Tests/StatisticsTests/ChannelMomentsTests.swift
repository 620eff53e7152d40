import Statistics
import Testing

struct ChannelMomentsTests {
  private func matrix(rows: Int, channels: Int, offset: Double = 0) -> [Float] {
    var generator = SeededGenerator(seed: 1)
    return (0..<rows * channels).map { _ in Float(offset + generator.normal()) }
  }

  private func moments(_ values: [Float], channels: Int) -> ChannelMoments {
    values.withUnsafeBufferPointer {
      ChannelMoments.of(rows: $0.baseAddress!, count: values.count / channels, channels: channels)
    }
  }

  @Test func smallCaseByHand() {
    // Columns 1, 2, 6 and 4, 4, 4.
    let m = moments([1, 4, 2, 4, 6, 4], channels: 2)
    #expect(m.count == 3)
    #expect(m.mean == [3, 4])
    #expect(m.m2 == [14, 0])
    #expect(m.biasedVariance == [14.0 / 3, 0])
    #expect(m.unbiasedVariance == [7, 0])
  }

  @Test(arguments: [1, 15, 16, 17, 40])
  func strideSkipsColumns(channels: Int) {
    let wide = matrix(rows: 9, channels: 50)
    let narrow = (0..<9).flatMap { wide[$0 * 50..<$0 * 50 + channels] }
    let strided = wide.withUnsafeBufferPointer {
      ChannelMoments.of(rows: $0.baseAddress!, count: 9, channels: channels, stride: 50)
    }
    #expect(strided == moments(narrow, channels: channels))
  }

  @Test func mergingPartsGivesTheWhole() {
    let channels = 5
    let values = matrix(rows: 1000, channels: channels, offset: 1000)
    let whole = moments(values, channels: channels)
    var merged = ChannelMoments(channels: channels)
    for part in [0..<1, 1..<400, 400..<400, 400..<1000] {
      let rows = values[part.lowerBound * channels..<part.upperBound * channels]
      merged.merge(moments(Array(rows), channels: channels))
    }
    #expect(merged.count == 1000)
    for c in 0..<channels {
      #expect(abs(merged.mean[c] - whole.mean[c]) < 1e-11)
      #expect(abs(merged.m2[c] / whole.m2[c] - 1) < 1e-11)
    }
  }

  @Test func noCancellationAtALargeMean() {
    // Alternating 1000 ± 2^-5, exact in float32: the variance is 2^-10 exactly.
    let values = (0..<10_000).map { Float(1000) + ($0 % 2 == 0 ? 0.03125 : -0.03125) }
    #expect(moments(values, channels: 1).biasedVariance == [0x1p-10])
  }

  @Test func mergingNothingChangesNothing() {
    var m = moments([1, 2, 3], channels: 1)
    let before = m
    m.merge(ChannelMoments(channels: 1))
    #expect(m == before)
    #expect(ChannelMoments(channels: 1).biasedVariance[0].isNaN)
  }
}
