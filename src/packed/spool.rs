//! Packed bytes that are not needed before the end: where there are many they lie in a file without a name.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use super::Packed;

/// Takes packed bytes, and gives them back.
#[derive(Debug)]
pub struct Spool {
    /// bytes that may still be held in memory
    room: usize,
    file: Option<File>,
    /// of the file
    len: u64,
}

/// Where packed bytes lie.
#[derive(Debug)]
pub struct Spooled(Place);

#[derive(Debug)]
enum Place {
    Memory(Packed),
    File { at: u64, bytes: u32, len: usize, crc: u32 },
}

impl Spooled {
    /// How many bytes were packed.
    pub fn unpacked_len(&self) -> usize {
        match &self.0 {
            Place::Memory(packed) => packed.len(),
            Place::File { len, .. } => *len,
        }
    }
}

impl Spool {
    /// One that holds up to `room` bytes in memory, and all if there is no place for a file.
    ///
    /// The file lies in the system's directory for such (`TMPDIR`). It has no name, so that nobody can open it and nothing
    /// of it is left, however the program ends.
    pub fn new(room: usize) -> Self {
        Self { room, file: None, len: 0 }
    }

    /// Takes `packed`.
    pub fn put(&mut self, packed: Packed) -> Spooled {
        if let Some(room) = self.room.checked_sub(packed.packed_len()) {
            self.room = room;
            return Spooled(Place::Memory(packed));
        }
        match self.append(&packed) {
            Ok(place) => Spooled(place),
            Err(error) => {
                tracing::info!(%error, "there is no place for a temporary file, so that more memory is used");
                // It will not be tried again for each.
                self.room = usize::MAX;
                Spooled(Place::Memory(packed))
            }
        }
    }

    /// What was put there.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn get<'a>(&self, spooled: &'a Spooled) -> io::Result<Cow<'a, Packed>> {
        match (&spooled.0, &self.file) {
            (Place::Memory(packed), _) => Ok(Cow::Borrowed(packed)),
            (Place::File { at, bytes, len, crc }, Some(file)) => {
                let mut file: &File = file;
                let mut deflated = vec![0; usize::try_from(*bytes).map_err(io::Error::other)?];
                file.seek(SeekFrom::Start(*at))?;
                file.read_exact(&mut deflated)?;
                Ok(Cow::Owned(Packed { deflated: deflated.into(), len: *len, crc: *crc }))
            }
            (Place::File { .. }, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn append(&mut self, packed: &Packed) -> io::Result<Place> {
        let bytes = u32::try_from(packed.packed_len()).map_err(io::Error::other)?;
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(self.len))?;
        file.write_all(packed.deflated())?;
        let at = self.len;
        self.len += u64::from(bytes);
        Ok(Place::File { at, bytes, len: packed.len, crc: packed.crc })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_comes_back_from_memory_and_from_the_file() {
        let texts: Vec<Vec<u8>> = (0..50u8).map(|n| vec![n; usize::from(n) * 100]).collect();
        let first = Packed::of(&texts[0]).packed_len() + Packed::of(&texts[1]).packed_len();
        let mut spool = Spool::new(first);
        let spooled: Vec<_> = texts.iter().map(|text| spool.put(Packed::of(text))).collect();
        let is_in_memory = |spooled: &Spooled| matches!(spooled.0, Place::Memory(_));
        assert_eq!(spooled.iter().filter(|spooled| is_in_memory(spooled)).count(), 2);
        for (text, spooled) in texts.iter().zip(&spooled).rev() {
            assert_eq!(spooled.unpacked_len(), text.len());
            assert!(spool.get(spooled).unwrap().bytes() == *text);
            assert_eq!(*spool.get(spooled).unwrap(), Packed::of(text));
        }
    }
}
