//! What is done to texts' vectors behind the pooling.

use super::{Decoder, forward::norm};
use crate::{device::Device, error::Result, spec::HeadActivation, weights::TensorSource};

impl<D: Device> Decoder<D> {
    /// Runs the head over pooled vectors. Shapes: `[n, n_embd]` to `[n, n_embd_out]`.
    ///
    /// # Errors
    /// The device's.
    pub(super) fn run_head(&mut self, pooled: &[f32]) -> Result<Vec<f32>> {
        let Self { spec, device, weights, scratch, .. } = self;
        let mut x = device.vector(&TensorSource::computed("pooled", spec.n_embd, pooled))?;
        for (layer, weights) in spec.head.layers.iter().zip(&weights.head) {
            let Some(weights) = weights else { continue };
            weights.linear.apply(device, &x, &mut scratch.part);
            match layer.activation {
                HeadActivation::Identity => {}
                // A soft cap at 1.
                HeadActivation::Tanh => device.softcap(&mut scratch.part, 1.0),
                HeadActivation::GeluErf => {
                    device.activate(crate::spec::Activation::GeluErf, &mut scratch.part);
                }
            }
            std::mem::swap(&mut x, &mut scratch.part);
            if let Some(learned) = layer.norm.as_ref().zip(weights.norm.as_ref()) {
                norm(device, learned, layer.n_out, &x, &mut scratch.part);
                std::mem::swap(&mut x, &mut scratch.part);
            }
        }
        let mut out = device.read(&x, &mut scratch.host).to_vec();
        if spec.head.softmax {
            out.chunks_exact_mut(spec.n_embd_out()).for_each(softmax);
        }
        Ok(out)
    }
}

fn softmax(x: &mut [f32]) {
    let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    x.iter_mut().for_each(|x| *x = (*x - max).exp());
    let sum: f32 = x.iter().sum();
    x.iter_mut().for_each(|x| *x /= sum);
}
