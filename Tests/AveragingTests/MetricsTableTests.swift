import Testing

@testable import Averaging

@Suite struct MetricsTableTests {
  private func value(_ text: String, _ path: String, key: String? = nil) throws -> Double {
    try MetricsTable(parsing: Array(text.utf8), key: key).value(for: path)
  }

  @Test func everyShapeOfFile() throws {
    #expect(try value("epoch-1.pt\t0.5\nepoch-2.pt\t0.75\n", "run/epoch-2.pt") == 0.75)
    #expect(try value("name\tloss\tacc\r\nepoch-1\t2\t0.5\r\n", "run/epoch-1.pt", key: "acc") == 0.5)
    #expect(try value(#"{"run/a.pt": 3, "b.pt": {"acc": 4}}"#, "run/a.pt", key: "acc") == 3)
    #expect(try value(#"[{"file": "a.pt", "top1": 0.25}]"#, "a.pt", key: "top1") == 0.25)
    #expect(try value("a\tnan\n", "a.pt").isNaN)
  }

  @Test func whatIsWrong() {
    let cases: [(String, String?, MetricsTable.Fault)] = [
      ("a.pt 0.5\n", nil, .malformed(line: 1, reason: "expected a name and a number")),
      ("a.pt\t0.5\nb.pt\tx\n", nil, .malformed(line: 2, reason: "expected a name and a number")),
      (
        "name\tloss\tacc\na\t1\t2\n", nil, .severalValues(["loss", "acc"])
      ),
      ("b.pt\t1\n", nil, .missing("a.pt")), ("a.pt\t1\na.pt\t2\n", nil, .ambiguous("a.pt")),
      (#"{"a.pt": {"x": 1}}"#, "y", .malformed(line: nil, reason: "no number under \"y\"")),
      (#"{"a.pt": []}"#, nil, .malformed(line: nil, reason: "expected a number")),
    ]
    for (text, key, fault) in cases {
      #expect(throws: fault) { _ = try value(text, "a.pt", key: key) }
    }
  }

  /// The log of a timm run that was gone on with: its first line is there twice.
  @Test func rowsByNumber() throws {
    let summary = """
      epoch,train_loss,eval_loss,eval_top1,eval_top5,lr
      0,6.9,6.8,0.5,1.5,0.1
      1,6.5,6.1,2.5,7.5,0.1
      epoch,train_loss,eval_loss,eval_top1,eval_top5,lr
      10,5.0,4.5,20.25,40.0,0.05
      """
    #expect(try value(summary, "out/checkpoint-10.pth.tar", key: "eval_top1") == 20.25)
    #expect(try value(summary, "checkpoint-1.pth.tar", key: "eval_loss") == 6.1)
    #expect(try value(summary, "resnet50_epoch=1_step=40.ckpt", key: "eval_top1") == 2.5)
    #expect(throws: MetricsTable.Fault.missing("checkpoint-2.pth.tar")) {
      _ = try value(summary, "checkpoint-2.pth.tar", key: "eval_top1")
    }
    #expect(throws: MetricsTable.Fault.missing("model_best.pth.tar")) {
      _ = try value(summary, "model_best.pth.tar", key: "eval_top1")
    }
    #expect(
      throws: MetricsTable.Fault.severalValues(["train_loss", "eval_loss", "eval_top1", "eval_top5", "lr"])
    ) { _ = try value(summary, "checkpoint-1.pth.tar") }
    #expect(throws: MetricsTable.Fault.ambiguous("epoch 3")) {
      _ = try value("epoch,acc\n3,1\n3,2\n", "e3.pt")
    }
    #expect(try value("global_step\tacc\n500\t0.5\n", "epoch-2-step-500.pt") == 0.5)
  }

  @Test func bestByDirectionTiesAndNaN() throws {
    let scores = [0.5, .nan, 0.9, 0.7, 0.9, 0.1]
    #expect(try MetricsTable.best(1, of: scores, mode: .max) == [4])
    #expect(try MetricsTable.best(3, of: scores, mode: .max) == [2, 3, 4])
    #expect(try MetricsTable.best(2, of: scores, mode: .min) == [0, 5])
    #expect(throws: MetricsTable.Fault.tooFew(wanted: 6, found: 5)) {
      _ = try MetricsTable.best(6, of: scores, mode: .max)
    }
  }
}
