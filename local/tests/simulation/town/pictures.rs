//! What is uploaded.

use rand::RngExt;

use crate::stories::Picture;
use crate::world;

pub(super) fn file(picture: Picture) -> &'static [u8] {
    match picture {
        Picture::Small => include_bytes!("../../it/one-pixel.png"),
        Picture::Noisy => noisy(),
        Picture::Broken => b"\x89PNG\r\n\x1a\nbroken",
    }
}

/// A picture that nothing makes smaller.
fn noisy() -> &'static [u8] {
    static FILE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let mut rng = world::rng(&[11]);
        let picture = image::RgbImage::from_fn(290, 290, |_, _| image::Rgb(rng.random()));
        let mut file = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
        file.into_inner()
    });
    &FILE
}
