#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| notion_sync_fuzz::targets::patch(data));
