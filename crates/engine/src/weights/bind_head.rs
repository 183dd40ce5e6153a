//! Binds the head: what is done to a text's vector.

use super::{HeadLayerWeights, binder::Binder};
use crate::{
    device::Device,
    spec::{HeadSpec, Presence},
};

impl<D: Device> Binder<'_, D> {
    /// The layers, of which a missing one is `None`.
    pub(super) fn head(
        &mut self,
        spec: &HeadSpec,
        n_embd: usize,
    ) -> Option<Vec<Option<HeadLayerWeights<D>>>> {
        let mut n_in = n_embd;
        let mut layers = Vec::with_capacity(spec.layers.len());
        for layer in &spec.layers {
            let is_missing = !self.has(&format!("{}.weight", layer.name));
            if layer.weight == Presence::Optional && is_missing {
                layers.push(None);
                continue;
            }
            let linear = self.linear(layer.name, (layer.n_out, n_in), layer.bias);
            let norm = layer.norm.as_ref().and_then(|norm| self.norm("", norm, &[layer.n_out]));
            layers.push(Some(HeadLayerWeights { linear: linear?, norm }));
            n_in = layer.n_out;
        }
        Some(layers)
    }
}
