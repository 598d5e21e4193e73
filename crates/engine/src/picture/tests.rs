//! Is the promise of SEC-107 kept, for good and for hostile files? All of them are made here.

use super::*;
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{Frame, ImageEncoder as _, Rgb, RgbImage, Rgba, RgbaImage};

const LIMITS: PictureLimits = PictureLimits::DEFAULT;

fn rgb(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([(x % 256) as u8, (y % 256) as u8, if x < width / 2 { 0 } else { 255 }])
    })
}

/// Pixels that no format can make small.
fn noise(width: u32, height: u32) -> RgbImage {
    let mut state = 1_u32;
    RgbImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, _] = state.to_be_bytes();
        Rgb([a, b, c])
    })
}

fn png(image: &RgbImage) -> Vec<u8> {
    encoded(image, ImageFormat::Png)
}

fn encoded(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image.write_to(&mut out, format).unwrap();
    out.into_inner()
}

fn gif(image: &RgbaImage) -> Vec<u8> {
    let mut out = Vec::new();
    GifEncoder::new_with_speed(&mut out, 30).encode_frame(Frame::new(image.clone())).unwrap();
    out
}

fn four() -> [(Vec<u8>, &'static str, &'static str); 4] {
    let image = rgb(40, 30);
    [
        (png(&image), "image/png", "png"),
        (encoded(&image, ImageFormat::Jpeg), "image/jpeg", "jpg"),
        (encoded(&image, ImageFormat::WebP), "image/webp", "webp"),
        (gif(&DynamicImage::from(image).into_rgba8()), "image/gif", "gif"),
    ]
}

fn decoded(picture: &Picture) -> DynamicImage {
    let guessed = image::guess_format(&picture.bytes).unwrap();
    assert_eq!(guessed.to_mime_type(), picture.media_type);
    image::load_from_memory(&picture.bytes).unwrap()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// A PNG chunk (PNG 1.2 section 3.2).
fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for byte in kind.iter().chain(content) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length[..], kind, content, &(!crc).to_be_bytes()].concat()
}

/// A PNG that claims a size and holds these bytes as pixels.
fn png_claiming(width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    let signature = &four()[0].0[..8];
    [signature, &chunk(b"IHDR", &header), &chunk(b"IDAT", pixels), &chunk(b"IEND", b"")].concat()
}

/// Puts a segment behind the first two bytes of a JPEG.
fn jpeg_with(image: &[u8], marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&image[..2], &[0xff, marker], &length, content, &image[2..]].concat()
}

#[test]
fn each_format_stays_what_it_is_and_keeps_its_pixels() {
    for (bytes, media_type, extension) in four() {
        let picture = reencode(&bytes, &LIMITS).unwrap();
        assert_eq!((picture.media_type, picture.extension), (media_type, extension));
        let image = decoded(&picture).into_rgb8();
        assert_eq!(image.dimensions(), (40, 30), "{media_type}");
        let (left, right) = (image.get_pixel(5, 10).0, image.get_pixel(35, 10).0);
        assert!(left[2] < 90 && right[2] > 165, "{media_type}: {left:?} {right:?}");
    }
}

#[test]
fn a_lossless_picture_keeps_every_pixel_and_its_transparency() {
    let image = RgbaImage::from_fn(9, 7, |x, y| Rgba([x as u8, y as u8, 3, (x * 20) as u8]));
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let mut file = Cursor::new(Vec::new());
        image.write_to(&mut file, format).unwrap();
        let picture = reencode(file.get_ref(), &LIMITS).unwrap();
        assert_eq!(decoded(&picture).into_rgba8(), image);
    }
}

#[test]
fn deep_grey_and_palette_pictures_become_eight_bits_a_channel() {
    let deep =
        image::ImageBuffer::<image::Rgba<u16>, _>::from_pixel(5, 5, image::Rgba([65_535, 0, 32_768, 65_535]));
    let mut file = Cursor::new(Vec::new());
    deep.write_to(&mut file, ImageFormat::Png).unwrap();
    let image = decoded(&reencode(file.get_ref(), &LIMITS).unwrap());
    assert_eq!(
        (image.color(), image.into_rgba8().get_pixel(2, 2).0),
        (image::ColorType::Rgba8, [255, 0, 128, 255])
    );

    let grey = image::GrayImage::from_pixel(5, 5, image::Luma([77]));
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let mut file = Cursor::new(Vec::new());
        grey.write_to(&mut file, format).unwrap();
        let image = decoded(&reencode(file.get_ref(), &LIMITS).unwrap());
        assert!(image.into_rgb8().get_pixel(2, 2).0.iter().all(|part| part.abs_diff(77) < 3));
    }
}

#[test]
fn a_large_picture_is_scaled_down_and_keeps_its_proportions() {
    for (width, height, expected) in
        [(4096, 2048, (1024, 512)), (1100, 1000, (1024, 931)), (4096, 1, (1024, 1))]
    {
        let picture = reencode(&png(&rgb(width, height)), &LIMITS).unwrap();
        let image = decoded(&picture);
        assert_eq!((image.width(), image.height()), expected);
    }
}

#[test]
fn what_is_made_is_never_larger_than_the_limit() {
    let limits = PictureLimits { bytes: 200_000, ..LIMITS };
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, 20).encode_image(&noise(700, 700)).unwrap();
    assert!(file.len() < limits.bytes);
    let picture = reencode(&file, &limits).unwrap();
    assert!(picture.bytes.len() <= limits.bytes);
    let image = decoded(&picture);
    assert!(image.width() < 700 && image.width() == image.height());
}

#[test]
fn metadata_is_gone() {
    const CANARY: &[u8] = b"GPS 48.2082N canary";
    let image = rgb(20, 20);
    let jpeg = jpeg_with(&encoded(&image, ImageFormat::Jpeg), 0xfe, CANARY);
    let mut with_exif = Vec::new();
    let mut encoder = PngEncoder::new(&mut with_exif);
    encoder.set_exif_metadata(CANARY.to_vec()).unwrap();
    encoder.set_icc_profile(CANARY.to_vec()).unwrap();
    encoder.write_image(&image, 20, 20, image::ExtendedColorType::Rgb8).unwrap();
    let mut webp = Vec::new();
    let mut encoder = WebPEncoder::new_lossless(&mut webp);
    encoder.set_exif_metadata(CANARY.to_vec()).unwrap();
    encoder.write_image(&image, 20, 20, image::ExtendedColorType::Rgb8).unwrap();
    let plain = png(&image);
    let text = [&plain[..33], &chunk(b"tEXt", &[b"Comment\0", CANARY].concat()), &plain[33..]].concat();
    for file in [jpeg, with_exif, webp, text] {
        assert!(contains(&file, CANARY));
        let picture = reencode(&file, &LIMITS).unwrap();
        assert!(!contains(&picture.bytes, CANARY), "{}", picture.media_type);
    }
}

#[test]
fn a_photograph_is_turned_upright_before_its_metadata_goes() {
    // TIFF header, one entry: tag 0x0112 (orientation), type SHORT, count 1, value 6 (turn right).
    let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let file = jpeg_with(&encoded(&rgb(40, 30), ImageFormat::Jpeg), 0xe1, exif);
    let image = decoded(&reencode(&file, &LIMITS).unwrap()).into_rgb8();
    assert_eq!(image.dimensions(), (30, 40));
    assert!(image.get_pixel(15, 5).0[2] < 90 && image.get_pixel(15, 35).0[2] > 165);
}

#[test]
fn bytes_behind_the_picture_are_dropped() {
    const PAGE: &[u8] = b"<html><script>alert(1)</script></html>";
    for (bytes, media_type, _) in four() {
        let polyglot = [&bytes[..], PAGE].concat();
        let picture = reencode(&polyglot, &LIMITS).unwrap();
        assert!(!contains(&picture.bytes, b"<script>"), "{media_type}");
    }
}

#[test]
fn a_second_frame_is_dropped() {
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut file, 30);
    for colour in [[255, 0, 0, 255], [0, 0, 255, 255]] {
        encoder.encode_frame(Frame::new(RgbaImage::from_pixel(8, 8, Rgba(colour)))).unwrap();
    }
    drop(encoder);
    let picture = reencode(&file, &LIMITS).unwrap();
    assert_eq!(decoded(&picture).into_rgba8().get_pixel(4, 4).0, [255, 0, 0, 255]);
    let again = image::codecs::gif::GifDecoder::new(Cursor::new(&picture.bytes)).unwrap();
    assert_eq!(image::AnimationDecoder::into_frames(again).count(), 1);
}

#[test]
fn what_is_no_picture_is_refused() {
    let tiff = b"II\x2a\0\x08\0\0\0\0\0\0\0";
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    let xml = b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>";
    // Read as a GIF, the text claims a size of 24,864 × 24,880.
    let html_gif = b"GIF89a/*<script>*/=1;alert(1)";
    assert_eq!(reencode(html_gif, &LIMITS), Err(PictureFlaw::TooLarge));
    let small_gif = b"GIF89a\x08\0\x08\0/*<script>*/=1;alert(1)";
    let files: [&[u8]; 9] =
        [b"", b"G", svg, xml, small_gif, tiff, b"BM\0\0\0\0", b"%PDF-1.7", b"\0\0\0\x1cftypavif"];
    for file in files {
        assert_eq!(
            reencode(file, &LIMITS),
            Err(PictureFlaw::NotAPicture),
            "{:?}",
            String::from_utf8_lossy(file)
        );
    }
    for (bytes, media_type, _) in four() {
        let later = [&b"<svg>"[..], &bytes].concat();
        assert_eq!(reencode(&later, &LIMITS), Err(PictureFlaw::NotAPicture), "{media_type}");
    }
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    for (bytes, media_type, _) in four() {
        for tenth in 0..10 {
            let part = &bytes[..bytes.len() * tenth / 10];
            assert_eq!(reencode(part, &LIMITS), Err(PictureFlaw::NotAPicture), "{media_type} {tenth}");
        }
    }
}

#[test]
fn damaged_files_never_break_the_decoder() {
    let mut state = 7_u32;
    for (bytes, _, _) in four() {
        for _ in 0..300 {
            let mut damaged = bytes.clone();
            for _ in 0..4 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (state >> 8) as usize % damaged.len();
                damaged[at] = state.to_be_bytes()[0];
            }
            if let Ok(picture) = reencode(&damaged, &LIMITS) {
                assert!(picture.bytes.len() <= LIMITS.bytes);
                decoded(&picture);
            }
        }
    }
}

#[test]
fn too_many_bytes_are_refused_unseen() {
    let file = [png(&rgb(4, 4)), vec![0; LIMITS.bytes]].concat();
    assert_eq!(reencode(&file, &LIMITS), Err(PictureFlaw::TooManyBytes));
}

#[test]
fn too_many_pixels_are_refused_by_the_header_alone() {
    for (width, height) in
        [(20_000, 20_000), (4097, 1), (1, 4097), (4001, 4000), (u32::MAX >> 1, u32::MAX >> 1)]
    {
        let file = png_claiming(width, height, b"no pixels");
        assert_eq!(reencode(&file, &LIMITS), Err(PictureFlaw::TooLarge), "{width}×{height}");
    }
    let mut gif = four()[3].0.clone();
    gif[6..10].copy_from_slice(&[0xff; 4]);
    assert_eq!(reencode(&gif, &LIMITS), Err(PictureFlaw::TooLarge));
    let mut jpeg = four()[1].0.clone();
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    assert_eq!(reencode(&jpeg, &LIMITS), Err(PictureFlaw::TooLarge));
}

#[test]
fn sixteen_megapixels_are_taken_and_decoding_stays_within_its_memory() {
    let file = png(&RgbImage::from_pixel(4000, 4000, Rgb([9, 9, 9])));
    assert!(file.len() <= LIMITS.bytes);
    assert_eq!(decoded(&reencode(&file, &LIMITS).unwrap()).width(), 1024);
    let little = PictureLimits { memory: 47_999_999, ..LIMITS };
    assert_eq!(reencode(&file, &little), Err(PictureFlaw::TooLarge));
}

#[test]
fn a_zip_bomb_in_a_png_is_refused() {
    // 32 MiB of zeros in deflate, as the compressed profile before the pixels of a small picture.
    let zeros = png(&RgbImage::new(4000, 2700));
    let start = zeros.windows(4).position(|kind| kind == b"IDAT").unwrap();
    let length = u32::from_be_bytes(zeros[start - 4..start].try_into().unwrap()) as usize;
    let deflated = &zeros[start + 4..start + 4 + length];
    let plain = png(&rgb(20, 20));
    let profile = chunk(b"iCCP", &[b"bomb\0\0", deflated].concat());
    let bomb = [&plain[..33], &profile, &plain[33..]].concat();
    match reencode(&bomb, &LIMITS) {
        Ok(picture) => assert_eq!(decoded(&picture).width(), 20),
        Err(flaw) => assert!(matches!(flaw, PictureFlaw::TooLarge | PictureFlaw::NotAPicture)),
    }
    // More pixels behind the header than it says.
    let overfull = png_claiming(20, 20, deflated);
    if let Ok(picture) = reencode(&overfull, &LIMITS) {
        assert_eq!(decoded(&picture).width(), 20);
    }
}

#[test]
fn the_memory_of_kept_coefficients_counts() {
    let baseline = encoded(&rgb(40, 30), ImageFormat::Jpeg);
    let frame = baseline.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    assert_eq!(memory::beside_pixels(&baseline, Kind::Jpeg, 1200), Ok(0));
    let mut progressive = baseline.clone();
    progressive[frame + 1] = 0xc2;
    // Three components with one sample a pixel each, two bytes a coefficient; or at 4:2:0 half of it.
    for (sampling, expected) in [(0x11, 6 * 1200), (0x22, 3 * 1200)] {
        progressive[frame + 11] = sampling;
        assert_eq!(memory::beside_pixels(&progressive, Kind::Jpeg, 1200), Ok(expected));
    }
}

#[test]
fn a_name_is_chance_and_nothing_else() {
    assert_eq!(random_name([0; 16], "png"), "00000000000000000000000000000000.png");
    let chance = [0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff];
    assert_eq!(random_name(chance, "jpg"), "ab0102030405060708090a0b0c0d0eff.jpg");
}

#[tokio::test]
async fn the_darkroom_answers_everybody_and_turns_the_excess_away() {
    let room = Darkroom::new(LIMITS);
    let file = png(&rgb(200, 200));
    let all: Vec<_> = (0..40)
        .map(|_| {
            tokio::spawn({
                let (room, file) = (room.clone(), file.clone());
                async move { room.develop(file).await }
            })
        })
        .collect();
    let (mut made, mut busy) = (0, 0);
    for one in all {
        match one.await.unwrap() {
            Ok(picture) => {
                assert_eq!(picture.media_type, "image/png");
                made += 1;
            }
            Err(NotDeveloped::Busy) => busy += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(made >= 16 && made + busy == 40, "{made} {busy}");
    let flawed = room.develop(b"<svg/>".to_vec()).await;
    assert_eq!(flawed, Err(NotDeveloped::Flaw(PictureFlaw::NotAPicture)));
    let large = room.develop(vec![0; LIMITS.bytes + 1]).await;
    assert_eq!(large, Err(NotDeveloped::Flaw(PictureFlaw::TooManyBytes)));
    assert!(room.develop(file).await.is_ok());
}
