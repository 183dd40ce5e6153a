//! Fingerprints of the Jinja templates by which a model is known to speak a shipped format.
//!
//! From the index that Ollama publishes of templates found in models; the texts are not here, only
//! what is needed to know them again. `tests/template/conformance/shipped.rs` recomputes the table
//! from that index and fails when a row is missing.

/// `(template, SHA-256 of its text, SHA-256 of its text without white space and dashes)`, each hash
/// cut to its first eight bytes; see `canonical` for the second.
pub(super) static FINGERPRINTS: &[(&str, u64, u64)] = &[
    ("alfred", 0x071c_fb2d_4c79_7ad4, 0xab11_6fa6_5e56_9bb9),
    ("alpaca", 0x993c_0af7_04ba_d76a, 0xd18b_de32_3358_c251),
    ("chatml", 0x1532_80e3_ff55_d19d, 0x97f4_1199_4168_94b2),
    ("chatml", 0xa805_e50f_ed68_938a, 0xdcb4_7afc_b5c4_186b),
    ("chatml", 0x58c1_a1f0_4baa_7ada, 0x041c_b08c_d992_f2f0),
    ("chatml", 0xf42d_04ff_b2e4_87fa, 0xcec6_a27c_5515_6417),
    ("chatml", 0xaf9c_0233_881b_083b, 0xed57_d9d6_587c_cf16),
    ("chatml", 0x7932_0228_0c09_10ab, 0x0255_e4b1_9eef_ce0a),
    ("chatml", 0x3ce2_fe97_53f9_a77a, 0x80c9_afeb_184c_0f96),
    ("chatml", 0x91aa_728a_e59c_8e30, 0xf658_6b99_f59b_64fe),
    ("chatml", 0xe6f6_e5c1_9265_7d16, 0xefcc_d84f_be4f_831c),
    ("chatml", 0xf02c_5341_9301_0c4b, 0x5261_0ddc_69be_18b0),
    ("chatml", 0xfaf1_f8b6_75be_eabd, 0x4e8e_a0ad_1f0b_26d6),
    ("chatqa", 0x8aeb_a567_270f_a9a8, 0x0896_44cc_961b_9fd0),
    ("chatqa", 0xcd36_3688_5332_999f, 0x091d_388c_2809_f299),
    ("codellama-70b-instruct", 0x7567_8d46_3085_8651, 0xe672_2f22_d2fe_dfaa),
    ("command-r", 0x9db2_cf47_ce03_bfd0, 0x181b_f854_70f6_5808),
    ("falcon-instruct", 0xf608_4d6e_c1cb_3238, 0x51bf_ad87_3a89_f0cb),
    ("falcon-instruct", 0x2c57_5663_fbb6_c03a, 0xd415_240a_3d47_99be),
    ("gemma-instruct", 0xecd6_ae51_3fe1_03f0, 0x63df_de5f_27c2_a944),
    ("gemma3-instruct", 0x7de1_c58e_208e_da46, 0x9fb7_049a_076d_beb3),
    ("granite-instruct", 0xe84e_e90c_8a81_a15d, 0x1d82_8ba8_7541_4676),
    ("llama2-chat", 0xea24_72f2_9dbd_93c3, 0x93e8_6068_2e45_e1a7),
    ("llama2-chat", 0xe8d5_b5a5_46d3_f19d, 0xd360_71e0_6766_bd3d),
    ("llama3-instruct", 0xba03_a121_d097_859c, 0xf2ce_fbb6_2f70_a586),
    ("llama3-instruct", 0xe10c_a381_b1cc_c5cf, 0x22b7_9620_19f6_1781),
    ("magicoder", 0x2305_27c8_a608_cf3a, 0x6e16_4f95_2a83_530f),
    ("mistral-instruct", 0x26a5_9556_925c_9873, 0x1f58_028d_8a1e_e1d2),
    ("mistral-instruct", 0x7e99_5b37_9ec0_1747, 0x8b9e_d1a1_6571_3f41),
    ("openchat", 0x901b_10d4_7195_fadb, 0x037b_9df3_0ae2_3c09),
    ("phi-3", 0xb0e5_3f5e_7bae_6fdb, 0x5e04_f67e_02a8_0433),
    ("phi-3", 0x6058_4162_2bcb_6572, 0xeecb_b4ad_0f29_21e3),
    ("phi-3", 0x268b_6082_ceb7_176d, 0xd3cd_6096_671e_45a7),
    ("solar-instruct", 0xb8e5_e922_a7a4_ab5d, 0xbeed_615d_bc7e_e70c),
    ("starcoder2-instruct", 0x6de6_6c5b_4eb2_3df8, 0x7934_c470_40ac_b2a1),
    ("zephyr", 0xbf61_473d_7119_388a, 0x3487_4ffd_3321_2a3b),
    ("zephyr", 0x6629_1cf0_045c_2425, 0x9590_dd80_ad03_d757),
];
