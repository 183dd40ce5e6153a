//! Memory for a pool's elements: zeros that the system gives as they are written.
//!
//! A query reads one head of one page after the other, a few kilobytes each, of a pool of many
//! megabytes. In pages of 4 KiB nearly each of them takes an address translation that the CPU does
//! not have at hand, a fifth of the time in all; so where the system has pages of 2 MiB, they are
//! asked for.

#[cfg(all(target_os = "linux", not(miri)))]
pub(super) use mapped::Memory;
#[cfg(any(not(target_os = "linux"), miri))]
pub(super) use owned::Memory;

#[cfg(all(target_os = "linux", not(miri)))]
mod mapped {
    use std::marker::PhantomData;
    use std::ops::{Deref, DerefMut};

    use memmap2::{Advice, MmapMut};
    use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

    /// Elements in a mapping of their own.
    pub(in super::super) struct Memory<T> {
        bytes: MmapMut,
        elements: PhantomData<T>,
    }

    impl<T> Memory<T> {
        /// Zeros.
        ///
        /// # Panics
        /// If the system has no room for so many.
        pub(in super::super) fn zeros(n: usize) -> Self {
            let n_bytes = n.checked_mul(size_of::<T>()).expect("because the pool was measured");
            let bytes = MmapMut::map_anon(n_bytes)
                .unwrap_or_else(|error| panic!("no {n_bytes} bytes for a kv pool: {error}"));
            // A wish: kernels without large pages serve small ones.
            let _ = bytes.advise(Advice::HugePage);
            Self { bytes, elements: PhantomData }
        }
    }

    impl<T: FromBytes + IntoBytes + Immutable + KnownLayout> Deref for Memory<T> {
        type Target = [T];

        fn deref(&self) -> &[T] {
            <[T]>::ref_from_bytes(&self.bytes).expect("because it was mapped for whole elements")
        }
    }

    impl<T: FromBytes + IntoBytes + Immutable + KnownLayout> DerefMut for Memory<T> {
        fn deref_mut(&mut self) -> &mut [T] {
            <[T]>::mut_from_bytes(&mut self.bytes)
                .expect("because it was mapped for whole elements")
        }
    }
}

#[cfg(any(not(target_os = "linux"), miri))]
mod owned {
    use std::ops::{Deref, DerefMut};

    use zerocopy::FromZeros;

    /// Elements in a vector.
    pub(in super::super) struct Memory<T>(Vec<T>);

    impl<T: FromZeros> Memory<T> {
        /// Zeros.
        ///
        /// # Panics
        /// If the system has no room for so many.
        pub(in super::super) fn zeros(n: usize) -> Self {
            Self(T::new_vec_zeroed(n).expect("memory for a kv pool"))
        }
    }

    impl<T> Deref for Memory<T> {
        type Target = [T];

        fn deref(&self) -> &[T] {
            &self.0
        }
    }

    impl<T> DerefMut for Memory<T> {
        fn deref_mut(&mut self) -> &mut [T] {
            &mut self.0
        }
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    #[test]
    fn zeros_that_can_be_written_in_every_place() {
        for n in [1, 31, 5000] {
            let mut memory = Memory::<f16>::zeros(n);
            assert!(memory.iter().all(|&x| x == f16::ZERO) && memory.len() == n);
            memory.iter_mut().for_each(|x| *x = f16::ONE);
            assert_eq!(memory[n - 1], f16::ONE);
        }
    }

    #[test]
    #[cfg(all(target_os = "linux", not(miri)))]
    fn what_is_not_written_takes_no_memory() {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap()
        };
        let before = resident();
        let mut memory = Memory::<f16>::zeros(1 << 29);
        memory[1 << 28] = f16::ONE;
        assert_eq!(memory[0], f16::ZERO);
        // Of a gibibyte; other tests take some meanwhile.
        assert!(resident() < before + (256 << 10), "KiB: {before} before, {} after", resident());
    }
}
