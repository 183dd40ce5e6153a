//! How large a value is.
//!
//! Values share their parts: ten lists, each holding the one before it twice, take ten small
//! allocations, and printing the last writes a thousand items. What counts is therefore the
//! *weight*: the size of the tree that a walk over the value sees, shared parts counted each time.
//! Every operation that walks, prints, compares or copies a value takes time and memory in
//! proportion to it.

use minijinja::Value;
use minijinja::value::{ValueIter, ValueKind};

use super::error::OverBudget;

/// Largest weight of a value, in bytes.
pub(super) const MAX_WEIGHT: u64 = 64 << 20;
/// What a number, a key, a list or an item of one weighs beside its text, in bytes.
pub(super) const NODE: u64 = 32;

/// What a walk over a value found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// Parts that were visited.
    pub(super) n_nodes: u64,
    /// Bytes of text in them.
    pub(super) n_bytes: u64,
}

impl Weight {
    /// Walks `value`. One-shot iterators are left alone: looking would use them up.
    ///
    /// # Errors
    /// [`OverBudget`] once the weight exceeds [`MAX_WEIGHT`], which a value that contains itself
    /// does too.
    pub(super) fn of(value: &Value) -> Result<Self, OverBudget> {
        let mut weight = Self::default();
        // Iterators that wait for what lies within their current item.
        let mut waiting: Vec<(Value, ValueIter)> = Vec::new();
        weight.visit(value)?;
        waiting.extend(parts(value));
        while let Some((owner, items)) = waiting.last_mut() {
            let Some(item) = items.next() else {
                waiting.pop();
                continue;
            };
            let item = if owner.kind() == ValueKind::Map {
                weight.visit(&item)?;
                owner.get_item(&item).unwrap_or_default()
            } else {
                item
            };
            weight.visit(&item)?;
            waiting.extend(parts(&item));
        }
        Ok(weight)
    }

    /// Bytes.
    pub(super) fn total(self) -> u64 {
        self.n_bytes.saturating_add(self.n_nodes.saturating_mul(NODE))
    }

    fn visit(&mut self, value: &Value) -> Result<(), OverBudget> {
        self.n_nodes += 1;
        self.n_bytes += value.as_str().map_or(0, str::len) as u64;
        if self.total() > MAX_WEIGHT { Err(OverBudget(MAX_WEIGHT)) } else { Ok(()) }
    }
}

/// The items of a list or the keys of a mapping, with their owner.
fn parts(value: &Value) -> Option<(Value, ValueIter)> {
    match value.kind() {
        // What is used up by looking has no length.
        ValueKind::Iterable if value.len().is_none() => None,
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => {
            Some((value.clone(), value.try_iter().ok()?))
        }
        _ => None,
    }
}

/// The weight of the outermost level alone: what asking for a length or comparing begins with.
pub(super) fn surface(value: &Value) -> u64 {
    let n_bytes = value.as_str().map_or(0, str::len) as u64;
    let n_items = value.len().filter(|_| value.as_str().is_none()).unwrap_or(0) as u64;
    n_bytes.saturating_add(n_items.saturating_mul(NODE)).saturating_add(NODE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keys_and_items_count() {
        assert_eq!(Weight::of(&Value::from("four")).unwrap(), Weight { n_nodes: 1, n_bytes: 4 });
        let list = Value::from_iter(["ab", "c"]);
        assert_eq!(Weight::of(&list).unwrap(), Weight { n_nodes: 3, n_bytes: 3 });
        let map = Value::from(std::collections::BTreeMap::from([("key", 1)]));
        assert_eq!(Weight::of(&map).unwrap(), Weight { n_nodes: 3, n_bytes: 3 });
        assert_eq!(surface(&list), 3 * NODE);
    }

    #[test]
    fn shared_parts_count_each_time() {
        let double = |value: Value| Value::from(vec![value.clone(), value]);
        let ten = (0..10).fold(Value::from("x"), |value, _| double(value));
        assert_eq!(Weight::of(&ten).unwrap().n_bytes, 1 << 10);
        let sixty = (0..60).fold(Value::from("x"), |value, _| double(value));
        assert_eq!(Weight::of(&sixty).unwrap_err().0, MAX_WEIGHT);
    }
}
