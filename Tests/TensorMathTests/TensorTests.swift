import TensorMath
import Testing

struct TensorTests {
  @Test func zerosAndValues() {
    #expect(Tensor(shape: [2, 3]).values == [0, 0, 0, 0, 0, 0])
    let tensor = Tensor(shape: [3, 1], values: [1, -2, 3])
    #expect(tensor.shape == [3, 1] && tensor.count == 3)
    tensor.withMutableBuffer { $0[1] = 7 }
    #expect(tensor.values == [1, 7, 3])
  }

  @Test func emptyAndScalar() {
    #expect(Tensor(shape: [0, 4]).values.isEmpty)
    #expect(Tensor(shape: [], values: [5]).values == [5])
  }

  @Test func storageIsAligned() {
    for count in 1..<20 {
      #expect(UInt(bitPattern: Tensor(uninitialized: [count]).pointer) % 64 == 0)
    }
  }
}
