//! The bundled demonstration model: 5.4 million parameters of the Llama architecture in Q8_0.
//!
//! [`GGUF`] is a whole GGUF file (tokenizer and chat template included), [`MODELFILE`] its prompt
//! template and default parameters. What the model can do, and how it was trained, stands in this
//! folder's README.
#![forbid(unsafe_code)]

/// Puts bytes where the strictest block format may be read in place.
#[repr(C, align(64))]
struct Aligned<Bytes: ?Sized>(Bytes);

static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("../tiny-q8_0.gguf"));

/// The model as a GGUF file. The first byte is aligned to 64.
pub static GGUF: &[u8] = &FILE.0;

/// The Modelfile that goes with [`GGUF`]; its `FROM` names the file relative to this folder.
pub static MODELFILE: &str = include_str!("../Modelfile");

#[cfg(test)]
mod tests {
    #[test]
    fn the_file_is_a_gguf_at_an_aligned_address() {
        assert_eq!(&super::GGUF[..4], b"GGUF");
        assert_eq!(super::GGUF.as_ptr().align_offset(64), 0);
    }

    #[test]
    fn the_modelfile_names_the_file_it_belongs_to() {
        assert!(super::MODELFILE.contains("\nFROM ./tiny-q8_0.gguf\n"));
    }
}
