//! Layers one after another in Python.

use crate::space::plan::{MapShape, PoolKind, Step, average_windows};

/// A sequence of layers as an attribute of a module, for maps of shape `input`. `channels` is written for those of the
/// first convolution's input, if it is not empty.
pub(super) fn sequence(name: &str, steps: &[Step], input: MapShape, channels: &str) -> String {
    let mut lines = vec![format!("        self.{name} = nn.Sequential(")];
    let mut first = !channels.is_empty();
    let mut map = input;
    for step in steps {
        let layer = match step {
            Step::Relu => "nn.ReLU()".to_owned(),
            Step::Norm(norm) => {
                let affine = if norm.affine { "" } else { ", affine=False" };
                format!("nn.BatchNorm2d({}{affine})", norm.channels)
            }
            Step::Convolution(conv) => {
                let from =
                    if std::mem::take(&mut first) { channels.to_owned() } else { conv.inputs.to_string() };
                let mut call = format!("nn.Conv2d({from}, {}, {}", conv.outputs, pair(conv.kernel));
                for (what, value, plain) in [
                    ("stride", pair(conv.stride), "1"),
                    ("padding", pair(conv.padding()), "0"),
                    ("dilation", conv.dilation.to_string(), "1"),
                    ("groups", conv.mixing.groups(conv.inputs).to_string(), "1"),
                ] {
                    if value != plain {
                        call.push_str(&format!(", {what}={value}"));
                    }
                }
                format!("{call}, bias=False)")
            }
            Step::Pool(pool) => {
                let kind = match pool.kind {
                    PoolKind::Max => "MaxPool2d",
                    PoolKind::Average => "AvgPool2d",
                };
                format!("nn.{kind}({}, stride={}, ceil_mode=True)", pool.window, pool.stride)
            }
            Step::AverageWindows { stride } => {
                let windows = average_windows(map.size, *stride);
                let [window, stride] = [windows.map(|w| w.window), windows.map(|w| w.stride)].map(pair);
                format!("nn.AvgPool2d({window}, stride={stride})")
            }
            Step::Halve(_) | Step::Noise { .. } | Step::Mean | Step::Linear(_) => {
                unreachable!("stems and features of auxiliary heads have none of these")
            }
        };
        map = step.output(map);
        lines.push(format!("            {layer},"));
    }
    lines.push("        )".to_owned());
    lines.join("\n")
}

fn pair([a, b]: [usize; 2]) -> String {
    if a == b { a.to_string() } else { format!("({a}, {b})") }
}
