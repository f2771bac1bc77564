//! Files made by hand: damaged, hostile, and of other kinds.

use proptest::prelude::*;

use super::*;

fn safetensors_file(header: &str, numbers: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + numbers, 0);
    bytes
}

fn message(bytes: &[u8]) -> String {
    decode(bytes).unwrap_err().at(Path::new("w.pt")).to_string()
}

/// A legacy file around the pickle of an object.
fn legacy(object: &[u8], behind: &[u8]) -> Vec<u8> {
    let mut bytes = LEGACY_START.to_vec();
    bytes.push(b'.');
    bytes.extend_from_slice(b"\x80\x02M\xe9\x03.");
    bytes.extend_from_slice(b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s.");
    bytes.extend_from_slice(object);
    bytes.extend_from_slice(behind);
    bytes
}

/// The state dict `{"w": tensor}` with one storage of `length` numbers in f32.
fn one_tensor(length: u8, offset: u8, shape: &[u8], stride: &[u8]) -> Vec<u8> {
    let sides = |sides: &[u8]| {
        let mut bytes = b"(".to_vec();
        sides.iter().for_each(|&side| bytes.extend([b'K', side]));
        bytes.push(b't');
        bytes
    };
    let mut bytes = b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor\n((".to_vec();
    bytes.extend_from_slice(
        b"X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu",
    );
    bytes.extend([b'K', length]);
    bytes.extend_from_slice(b"NtQ");
    bytes.extend([b'K', offset]);
    bytes.extend(sides(shape));
    bytes.extend(sides(stride));
    bytes.extend_from_slice(b"tRs.");
    bytes
}

/// The list of that storage's key, and its numbers 0, 1, 2, ….
fn one_storage(length: u8) -> Vec<u8> {
    let mut bytes = b"\x80\x02]X\x01\x00\x00\x000a.".to_vec();
    bytes.extend(u64::from(length).to_le_bytes());
    (0..length).for_each(|number| bytes.extend(f32::from(number).to_le_bytes()));
    bytes
}

fn read_one(length: u8, offset: u8, shape: &[u8], stride: &[u8]) -> Result<HostTensor, Fault> {
    let file = legacy(&one_tensor(length, offset, shape, stride), &one_storage(length));
    decode(&file).map(|mut checkpoint| checkpoint.tensors.remove("w").unwrap())
}

#[test]
fn windows_on_storages() {
    let values = |offset, shape: &[u8], stride: &[u8]| read_one(6, offset, shape, stride).unwrap().values;
    assert_eq!(values(0, &[2, 3], &[3, 1]), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(values(0, &[3, 2], &[1, 3]), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(values(1, &[2, 2], &[3, 1]), [1.0, 2.0, 4.0, 5.0]);
    assert_eq!(values(5, &[], &[]), [5.0]);
    assert_eq!(values(2, &[3], &[0]), [2.0, 2.0, 2.0]);
    assert!(values(0, &[0, 9], &[9, 1]).is_empty());
    for (offset, shape, stride) in [
        (1, [2, 3].as_slice(), [3, 1].as_slice()),
        (6, &[], &[]),
        (0, &[255, 255], &[255, 255]),
        (0, &[1], &[]),
    ] {
        let fault = read_one(6, offset, shape, stride).unwrap_err();
        assert!(matches!(fault, Fault::Damaged(_)), "{offset} {shape:?} {stride:?}: {fault:?}");
    }
}

#[test]
fn numbers_that_are_not_in_the_file_are_not_made() {
    // A storage of 6 numbers as a tensor of 2^24 · 16 of them.
    for (shape, stride) in [
        (&[255, 255, 255, 16], &[0, 0, 0, 0]),
        (&[7, 1, 1, 1], &[0, 1, 1, 1]),
        (&[2, 2, 2, 1], &[1, 1, 0, 1]),
    ] {
        let fault = read_one(6, 0, shape, stride).unwrap_err();
        let Fault::Damaged(text) = fault else { panic!("{fault:?}") };
        assert!(text.contains("of more numbers than its storage"), "{text}");
    }
    // The same storage nine times.
    let whole = one_tensor(6, 0, &[6], &[1]);
    let (start, one) = (b"\x80\x02}", &whole[3..whole.len() - 1]);
    let windows = |n: u8| {
        let mut object = start.to_vec();
        (0..n).for_each(|i| {
            let mut one = one.to_vec();
            one[5] = b'a' + i;
            object.extend(one);
        });
        object.push(b'.');
        decode(&legacy(&object, &one_storage(6)))
    };
    assert_eq!(windows(8).unwrap().tensors.len(), 8);
    let Err(Fault::Damaged(text)) = windows(9) else { panic!("nine were read") };
    assert!(text.contains("54 numbers in tensors of storage 0, which has 6"), "{text}");
}

#[test]
fn names_of_functions_are_refused_before_they_are_called() {
    for (module, name) in
        [("posix", "system"), ("builtins", "eval"), ("torch", "load"), ("torch._utils", "x"), ("os", "popen")]
    {
        let global = format!("\u{2}c{module}\n{name}\n");
        let mut object = vec![0x80];
        object.extend_from_slice(global.as_bytes());
        // Damaged behind the name: it is the name that is told of.
        let text = message(&legacy(&object, b""));
        assert!(
            text.contains(&format!("`{module}.{name}`")) && text.contains("nothing of it was run"),
            "{text}"
        );
    }
    // As protocol 4 has it, and by numbers of a registry: no such operation is known.
    assert!(message(&legacy(b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", b"")).contains("0x8c"));
    assert!(message(&legacy(b"\x80\x02\x82\x01.", b"")).contains("0x82"));
    let object = b"\x80\x02(iposix\nsystem\n.";
    assert!(message(&legacy(object, b"")).contains("0x69"));
}

#[test]
fn a_pickle_cannot_grow() {
    // A dict in itself, again and again: nothing recurses.
    let mut object = b"\x80\x02}q\x00".to_vec();
    (0..100_000).for_each(|_| object.extend_from_slice(b"X\x01\x00\x00\x00ah\x00s"));
    object.push(b'.');
    assert!(message(&legacy(&object, b"\x80\x02].")).contains("a dict at a"));
    // Lists in lists.
    let mut object = b"\x80\x02".to_vec();
    object.extend(std::iter::repeat_n(b']', 100_000));
    object.extend(std::iter::repeat_n(b'a', 99_999));
    object.push(b'.');
    assert!(message(&legacy(&object, b"\x80\x02].")).contains("a list"));
    // One long list made ordered dicts of, many times: the first takes it up.
    let mut object = b"\x80\x02](".to_vec();
    (0..1000).for_each(|_| object.extend_from_slice(b"NN\x86"));
    object.extend_from_slice(b"e\x85q\x000");
    (0..50_000).for_each(|_| object.extend_from_slice(b"ccollections\nOrderedDict\nh\x00R0"));
    object.extend_from_slice(b"N.");
    assert!(message(&legacy(&object, b"\x80\x02].")).contains("None"));
    let mut object = b"\x80\x02".to_vec();
    object.extend(std::iter::repeat_n(b'N', 1_000_001));
    assert!(message(&legacy(&object, b"")).contains("more than 1000000 values"));
}

#[test]
fn damage_is_told() {
    for (object, word) in [
        (b"\x80\x02".as_slice(), "ends too early"),
        (b"\x80\x02}", "ends too early"),
        (b"\x80\x02.", "more values than it has made"),
        (b"\x80\x02(0.", "more values than it has made"),
        (b"\x80\x02N\x86.", "more values than it has made"),
        (b"\x80\x02h\x05.", "kept at 5"),
        (b"\x80\x02X\xff\xff\xff\xff", "a text of 4294967295 bytes"),
        (b"\x80\x02NNNs.", "what is no dict"),
        (b"\x80\x02NN\x86Q.", "names no storage"),
        (b"\x80\x02N)R.", "a call of None"),
        (b"\x80\x02\x8a\xff", "ends too early"),
        (b"\x80\x02cno end", "a name without an end"),
    ] {
        let text = message(&legacy(object, b""));
        assert!(text.contains(word) && text.contains("damaged"), "{object:?}: {text}");
    }
    let whole = legacy(&one_tensor(6, 0, &[6], &[1]), &one_storage(6));
    assert!(decode(&whole).is_ok());
    for length in 0..whole.len() {
        assert!(decode(&whole[..length]).is_err(), "cut after {length} bytes");
    }
}

#[test]
fn hostile_headers_of_safetensors() {
    let mut huge = safetensors_file("{}", 8);
    huge[..8].copy_from_slice(&(1u64 << 62).to_le_bytes());
    assert!(
        message(&huge).contains("a header of 4611686018427387904 bytes in a file of 18"),
        "{}",
        message(&huge)
    );
    let tensor = |shape: &str, from: u64, to: u64| {
        format!(r#""w":{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}"#)
    };
    let good = format!("{{{}}}", tensor("[2]", 0, 8));
    assert_eq!(decode(&safetensors_file(&good, 8)).unwrap().tensors["w"].values, [0.0, 0.0]);
    for header in [
        format!("{{{}}}", tensor("[2]", 0, 1 << 62)),
        format!("{{{}}}", tensor("[4611686018427387904]", 0, 8)),
        format!("{{{}}}", tensor("[4611686018427387904, 4]", 0, 8)),
        format!("{{{}}}", tensor("[2]", 8, 0)),
        format!("{{{},{}}}", tensor("[2]", 0, 8), tensor("[2]", 0, 8).replace("\"w\"", "\"v\"")),
        format!("{{{}}}", tensor("[1]", 0, 4)),
        "{\"w\":1}".to_owned(),
        "{".repeat(100_000),
    ] {
        assert!(decode(&safetensors_file(&header, 8)).is_err(), "{}", shown(&header));
    }
    let text = message(&safetensors_file(&good.replace("F32", "I32"), 8));
    assert!(text.contains("not floating-point"), "{text}");
    let counter = good.replace("\"w\"", "\"bn.num_batches_tracked\"").replace("F32", "I32");
    assert!(message(&safetensors_file(&counter, 8)).contains("no tensor"));
    let control = good.replace("\"w\"", "\"a\\u001b[2J\"");
    assert!(message(&safetensors_file(&control, 8)).contains("\\u{1b}[2J"));
}

#[test]
fn numbers_of_other_widths_become_f32() {
    for (kind, bytes, value) in [
        ("BF16", [0x80, 0xbf].as_slice(), -1.0),
        ("F16", &[0x00, 0x3e], 1.5),
        ("F32", &0.1f32.to_le_bytes(), 0.1),
        ("F64", &0.1f64.to_le_bytes(), 0.1),
    ] {
        let length = bytes.len();
        let header = format!(r#"{{"w":{{"dtype":"{kind}","shape":[1],"data_offsets":[0,{length}]}}}}"#);
        let mut file = safetensors_file(&header, 0);
        file.extend_from_slice(bytes);
        assert_eq!(decode(&file).unwrap().tensors["w"].values, [value], "{kind}");
    }
}

#[test]
fn other_files_are_told_apart() {
    for (bytes, words) in [
        (b"".as_slice(), "an empty file"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\x1f\x8b\x08 and more", "gzip"),
        (b"\x80\x04\x95 and more", "torch.save did not write"),
        (b"PK\x03\x04 and more", "damaged"),
        (b"Genotype(normal=[])", "another kind"),
    ] {
        assert!(message(bytes).contains(words), "{}", message(bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn anything_is_read_or_refused(object in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..400) {
        let _ = decode(&object);
        let _ = decode(&legacy(&object, b"\x80\x02]."));
        let mut whole = legacy(&one_tensor(6, 0, &[2, 3], &[3, 1]), &one_storage(6));
        for (byte, noise) in whole.iter_mut().skip(cut).step_by(37).zip(&object) {
            *byte ^= noise;
        }
        let _ = decode(&whole);
        let mut header = safetensors_file(r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8);
        for (byte, noise) in header.iter_mut().skip(cut % 40).step_by(11).zip(&object) {
            *byte ^= noise;
        }
        let _ = decode(&header);
    }
}
