//! llama.cpp, through its C interface.

use std::{
    ffi::{CStr, CString, c_char, c_void},
    path::Path,
    ptr::{self, NonNull},
};

use anyhow::{Context, Result, ensure};
use camelid_engine::{Batch, SeqId};
use llama_cpp_sys_2 as sys;

use crate::side::{N_BATCH, Setup, Side};

/// Starts the library, quietly. To be called before anything else of it.
pub(crate) fn start() {
    unsafe extern "C" fn ignore(_: sys::ggml_log_level, _: *const c_char, _: *mut c_void) {}
    // SAFETY: the callback lives as long as the program and uses none of its arguments.
    unsafe { sys::llama_log_set(Some(ignore), ptr::null_mut()) };
    // SAFETY: called once, before any other thread exists.
    unsafe { sys::llama_backend_init() };
}

/// Which instructions the library was compiled for.
pub(crate) fn system_info() -> String {
    // SAFETY: the library returns a string that ends in NUL and stays until the next call.
    let text = unsafe { CStr::from_ptr(sys::llama_print_system_info()) };
    text.to_string_lossy().into_owned()
}

/// A model and a context over it.
pub(crate) struct Llama {
    model: NonNull<sys::llama_model>,
    context: NonNull<sys::llama_context>,
    n_vocab: usize,
}

impl Llama {
    /// With the library's own choices for all that `setup` does not say: weights repacked where it
    /// has kernels for that, flash attention where it finds it fit.
    pub(crate) fn load(path: &Path, setup: Setup) -> Result<Self> {
        let path = path.to_str().context("a path of UTF-8")?;
        let c_path = CString::new(path)?;
        // SAFETY: no condition.
        let mut params = unsafe { sys::llama_model_default_params() };
        params.n_gpu_layers = 0;
        // SAFETY: the path ends in NUL and the parameters are the library's own.
        let model = unsafe { sys::llama_model_load_from_file(c_path.as_ptr(), params) };
        let model = NonNull::new(model).with_context(|| format!("llama.cpp cannot load {path}"))?;
        // SAFETY: the model was just loaded.
        let context = unsafe { sys::llama_init_from_model(model.as_ptr(), context_params(setup)?) };
        let Some(context) = NonNull::new(context) else {
            // SAFETY: the model was just loaded and nothing uses it.
            unsafe { sys::llama_model_free(model.as_ptr()) };
            anyhow::bail!("llama.cpp cannot make a context for {path}");
        };
        // SAFETY: the model lives, and its vocabulary with it.
        let n_vocab =
            unsafe { sys::llama_vocab_n_tokens(sys::llama_model_get_vocab(model.as_ptr())) };
        let loaded = Self { model, context, n_vocab: usize::try_from(n_vocab)? };
        Ok(loaded)
    }
}

fn context_params(setup: Setup) -> Result<sys::llama_context_params> {
    // SAFETY: no condition.
    let mut params = unsafe { sys::llama_context_default_params() };
    // Each sequence gets an equal part.
    params.n_ctx = u32::try_from(setup.n_ctx * setup.n_seq)?;
    params.n_seq_max = u32::try_from(setup.n_seq)?;
    (params.n_batch, params.n_ubatch) = (N_BATCH as u32, N_BATCH as u32);
    params.n_threads = i32::try_from(setup.n_threads)?;
    params.n_threads_batch = params.n_threads;
    if setup.exact_cache {
        (params.type_k, params.type_v) = (sys::GGML_TYPE_F32, sys::GGML_TYPE_F32);
    }
    Ok(params)
}

impl Drop for Llama {
    fn drop(&mut self) {
        // SAFETY: both are valid, owned by this value alone, and freed once, context first.
        unsafe {
            sys::llama_free(self.context.as_ptr());
            sys::llama_model_free(self.model.as_ptr());
        }
    }
}

impl Side for Llama {
    fn n_vocab(&self) -> usize {
        self.n_vocab
    }

    fn forward(&mut self, batch: &Batch) -> Result<&[f32]> {
        let tokens = batch.tokens();
        let mut ids: Vec<i32> = tokens.iter().map(|t| t.token as i32).collect();
        let mut positions: Vec<i32> = tokens.iter().map(|t| t.pos as i32).collect();
        let mut seqs: Vec<i32> = tokens.iter().map(|t| t.seq.0 as i32).collect();
        let mut seq_pointers: Vec<*mut i32> = seqs.iter_mut().map(ptr::from_mut).collect();
        let mut n_seqs = vec![1; tokens.len()];
        let mut wanted: Vec<i8> = tokens.iter().map(|t| i8::from(t.want_logits)).collect();
        let raw = sys::llama_batch {
            n_tokens: i32::try_from(tokens.len())?,
            token: ids.as_mut_ptr(),
            embd: ptr::null_mut(),
            pos: positions.as_mut_ptr(),
            n_seq_id: n_seqs.as_mut_ptr(),
            seq_id: seq_pointers.as_mut_ptr(),
            logits: wanted.as_mut_ptr(),
        };
        // SAFETY: the context lives; every array has `n_tokens` elements and outlives the call.
        let status = unsafe { sys::llama_decode(self.context.as_ptr(), raw) };
        ensure!(status == 0, "llama_decode answers {status}");
        let n_outputs = tokens.iter().filter(|t| t.want_logits).count();
        if n_outputs == 0 {
            return Ok(&[]);
        }
        // SAFETY: the context lives and has just decoded a batch with outputs.
        let logits = unsafe { sys::llama_get_logits(self.context.as_ptr()) };
        ensure!(!logits.is_null(), "llama.cpp has no logits");
        // SAFETY: the library keeps a row of `n_vocab` for each output until the next call, which
        // takes `&mut self`.
        Ok(unsafe { std::slice::from_raw_parts(logits, n_outputs * self.n_vocab) })
    }

    fn truncate(&mut self, seq: SeqId, len: u32) {
        // SAFETY: the context lives.
        let memory = unsafe { sys::llama_get_memory(self.context.as_ptr()) };
        // SAFETY: the memory is the context's own; -1 means to the end.
        let removed = unsafe { sys::llama_memory_seq_rm(memory, seq.0 as i32, len as i32, -1) };
        assert!(removed, "a whole end of a sequence can always be removed");
    }
}
