package io.espalier.spine.disk;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.espalier.memory.FileWrites;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FolderDiskTest {

    @TempDir Path temporary = Path.of("");

    private FolderDisk disk = new FolderDisk(Path.of(""));
    private final Random random = new Random(782);

    @BeforeEach
    void makeDisk() throws IOException {
        disk = new FolderDisk(temporary.resolve("a/b"));
        disk.createFolder("");
    }

    private static byte[] random(int count) {
        byte[] bytes = new byte[count];
        new Random(count).nextBytes(bytes);
        return bytes;
    }

    @Test
    void whatIsAppendedIsReadBackThroughHandleAndMap() throws IOException {
        // fails if heap or native bytes are lost or misplaced on their way through the buffer
        byte[] bytes = random(200_000);
        ByteBuffer direct = ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
        try (DiskFile file = disk.create("x")) {
            file.append(ByteBuffer.wrap(bytes));
            file.append(direct);
            assertFalse(direct.hasRemaining());
            file.append(ByteBuffer.wrap(bytes, 10, 5));
            file.truncate(2L * bytes.length);
            file.append(ByteBuffer.wrap(bytes, 0, 1));
            file.sync();
            assertEquals(2L * bytes.length + 1, file.sizeBytes());
        }
        disk.syncFolder("");
        try (DiskFile file = disk.open("x");
                NativeMemory memory = NativeMemory.open()) {
            ByteBuffer heap = ByteBuffer.allocate(bytes.length);
            ByteBuffer offHeap = ByteBuffer.allocateDirect(bytes.length + 100);
            assertEquals(bytes.length, file.read(0, heap));
            assertArrayEquals(bytes, heap.array());
            assertEquals(bytes.length + 1, file.read(bytes.length, offHeap));
            assertEquals(ByteBuffer.wrap(bytes), offHeap.flip().slice(0, bytes.length));
            assertEquals(0, file.read(1 << 20, heap.clear()));
            try (Lease lease = disk.map(memory, "x", 0, 2L * bytes.length + 1)) {
                ByteBuffer mapped =
                        memory.segment().asSlice(lease.offset(), bytes.length).asByteBuffer();
                assertEquals(ByteBuffer.wrap(bytes), mapped);
            }
        }
    }

    @Test
    void whatIsWrittenEarlyIsTheSame() throws IOException {
        // fails if a piece is skipped or written twice, by either way of writing; or if the JDK's
        // way leaves all of it to the sync at the end
        byte[] bytes = random(9 << 20);
        ByteBuffer direct = ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
        Path other = Files.createFile(disk.root().resolve("other"));
        try (DiskFile file = disk.create("early");
                FolderFile byJdk = new FolderFile(disk, "other", other, "rw")) {
            for (DiskFile each : List.of(file, byJdk)) {
                each.append(direct.duplicate().limit(1000));
                each.writeEarly();
                for (int at = 1000, size = 1; at < bytes.length; size = 3 * size + 1) {
                    int end = Math.min(bytes.length, at + size);
                    if (size % 2 == 0) {
                        each.append(ByteBuffer.wrap(bytes, at, end - at));
                    } else {
                        each.append(direct.duplicate().limit(end).position(at));
                    }
                    at = end;
                }
                each.sync();
                assertEquals(bytes.length, each.sizeBytes());
                ByteBuffer part = ByteBuffer.allocate(100);
                assertEquals(100, each.read(5000, part));
                assertEquals(ByteBuffer.wrap(bytes, 5000, 100), part.flip());
            }
        }
        assertArrayEquals(bytes, Files.readAllBytes(disk.root().resolve("early")));
        assertArrayEquals(bytes, Files.readAllBytes(other));
    }

    @Test
    void namesAreTakenGivenAndListed() throws IOException {
        // fails if a name is overwritten, or folders and files cannot be told apart
        disk.createFolder("sub");
        disk.create("sub/one").close();
        disk.create("two").close();
        assertThrows(FileAlreadyExistsException.class, () -> disk.create("two"));
        assertThrows(NoSuchFileException.class, () -> disk.open("three"));
        assertThrows(NoSuchFileException.class, () -> disk.list("three"));
        assertEquals(List.of("sub/", "two"), disk.list(""));
        assertEquals(List.of("sub", "two"), disk.names("").stream().sorted().toList());
        assertThrows(NoSuchFileException.class, () -> disk.names("three"));
        disk.rename("two", "sub/one");
        assertEquals(List.of("one"), disk.list("sub"));
        disk.delete("sub/one");
        disk.delete("sub/one");
        assertFalse(disk.exists("sub/one"));
        assertTrue(disk.exists("sub"));
        assertEquals(temporary.resolve("a/b/sub/one").toString(), disk.describe("sub/one"));
    }

    @Test
    void whatIsDiscardedIsGoneAtOnceAndItsRoomSoon() throws Exception {
        // fails if the name stays, if another file is hit, or if the blocks are never given back
        byte[] bytes = random((int) (3 * SlowRelease.PIECE_BYTES + 5000));
        for (String name : List.of("a", "b")) {
            try (DiskFile file = disk.create(name)) {
                file.append(ByteBuffer.wrap(bytes));
            }
        }
        try (DiskFile still = disk.open("a")) {
            disk.discard("a");
            disk.discard("a");
            disk.discard("absent");
            assertEquals(List.of("b"), disk.list(""));
            disk.create("a").close();
            // the last but one piece reads as zeros in the end, where files can have holes
            ByteBuffer piece = ByteBuffer.allocate(100);
            ByteBuffer zeros = ByteBuffer.allocate(100);
            long until = System.nanoTime() + 10_000_000_000L;
            boolean freed = false;
            while (!freed && System.nanoTime() < until) {
                still.read(bytes.length - 200, piece.clear());
                freed = piece.flip().equals(zeros);
                Thread.sleep(1);
            }
            assumeTrue(freed, "no holes here");
        }
        assertArrayEquals(bytes, Files.readAllBytes(disk.root().resolve("b")));
    }

    private byte[] write(DiskFile file, int sizeBytes) throws IOException {
        byte[] bytes = new byte[sizeBytes];
        random.nextBytes(bytes);
        file.append(ByteBuffer.wrap(bytes, 0, sizeBytes / 2));
        file.append(ByteBuffer.wrap(bytes, sizeBytes / 2, sizeBytes - sizeBytes / 2));
        file.sync();
        return bytes;
    }

    private void assumeSpares() throws IOException {
        Files.createFile(disk.root().resolve("probe"));
        try (FileWrites file = FileWrites.open(disk.root().resolve("probe"))) {
            assumeTrue(file != null, "files are written by the JDK alone");
        }
        disk.delete("probe");
    }

    private Object inode(String name) throws IOException {
        return Files.getAttribute(disk.root().resolve(name), "unix:ino");
    }

    @Test
    void aSpareFileBecomesAnother() throws Exception {
        // fails if a file is not used again, if it keeps old bytes or its old name, if it is taken
        // into another folder, or if a file that is there is written over
        assumeSpares();
        disk.createFolder("sub");
        for (int sizeBytes : new int[] {50_000, 60_000, 70_000}) {
            String old = "old" + sizeBytes;
            try (DiskFile file = disk.create(old)) {
                write(file, 60_000);
            }
            Object inode = inode(old);
            disk.spare(old);
            disk.createFromSpare("sub/other" + sizeBytes).close();
            byte[] bytes;
            try (DiskFile file = disk.createFromSpare("new" + sizeBytes)) {
                assertEquals(0, file.sizeBytes());
                bytes = write(file, sizeBytes);
                assertEquals(sizeBytes, file.sizeBytes());
            }
            assertArrayEquals(bytes, Files.readAllBytes(disk.root().resolve("new" + sizeBytes)));
            assertFalse(disk.exists(old));
            assertEquals(inode, inode("new" + sizeBytes));
        }
        byte[] there = Files.readAllBytes(disk.root().resolve("new70000"));
        disk.spare("new50000");
        assertThrows(
                FileAlreadyExistsException.class, () -> disk.createFromSpare("new70000").close());
        assertArrayEquals(there, Files.readAllBytes(disk.root().resolve("new70000")));
        assertFalse(disk.exists("new50000"));
    }

    @Test
    void whatIsAppendedIsAllThatIsRead() throws Exception {
        // fails if old bytes are read before the first sync, or after what was cut off is synced
        try (DiskFile file = disk.create("old")) {
            write(file, 9000);
        }
        disk.spare("old");
        try (DiskFile file = disk.createFromSpare("new")) {
            byte[] bytes = random(100);
            file.append(ByteBuffer.wrap(bytes));
            assertEquals(100, file.read(0, ByteBuffer.allocate(9000)));
            file.truncate(40);
            file.append(ByteBuffer.wrap(bytes, 40, 30));
            file.sync();
            assertArrayEquals(
                    Arrays.copyOf(bytes, 70), Files.readAllBytes(disk.root().resolve("new")));
        }
    }

    @Test
    void whatOthersReadOrKeepIsNotWrittenOver() throws Exception {
        // fails if a file becomes another that has a second name, or that somebody holds; also if
        // a spare file can be held, which is about to change
        assumeSpares();
        byte[][] old = new byte[3][];
        List<String> names = List.of("linked", "late", "held");
        for (int i = 0; i < names.size(); i++) {
            try (DiskFile file = disk.create(names.get(i))) {
                old[i] = write(file, 9000);
            }
        }
        Path root = disk.root();
        Files.createLink(root.resolve("backup"), root.resolve("linked"));
        try (DiskLock hold = disk.hold("held");
                DiskFile held = disk.open("held")) {
            assertNotNull(hold);
            names.forEach(name -> assertDoesNotThrow(() -> disk.spare(name)));
            Files.createLink(root.resolve("lateBackup"), root.resolve("late"));
            assertThrows(NoSuchFileException.class, () -> disk.hold("late"));
            for (int i = 0; i < 3; i++) {
                try (DiskFile file = disk.createFromSpare("new" + i)) {
                    write(file, 8000);
                }
            }
            ByteBuffer all = ByteBuffer.allocate(9000);
            held.read(0, all);
            assertArrayEquals(old[2], all.array());
        }
        assertArrayEquals(old[0], Files.readAllBytes(root.resolve("backup")));
        assertArrayEquals(old[1], Files.readAllBytes(root.resolve("lateBackup")));
        assertEquals(List.of("backup", "lateBackup", "new0", "new1", "new2"), disk.list(""));
    }

    @Test
    void sparesAreFewAndSmallAndGoWhenTheyAreNotNeeded() throws Exception {
        // fails if files pile up, if a large one is kept, or if what is kept stays
        assumeSpares();
        int count = SpareFiles.FILES_MAX + 3;
        for (int i = 0; i < count; i++) {
            try (DiskFile file = disk.create("file" + i)) {
                file.append(ByteBuffer.allocate(5000));
            }
        }
        try (DiskFile file = disk.create("large")) {
            file.append(ByteBuffer.allocate((int) SpareFiles.FILE_BYTES_MAX + 1));
        }
        disk.create("empty").close();
        disk.spare("large");
        disk.spare("empty");
        disk.spare("absent");
        for (int i = 0; i < count; i++) {
            disk.spare("file" + i);
        }
        assertEquals(SpareFiles.FILES_MAX, disk.list("").size());
        assertFalse(disk.exists("large"));
        assertFalse(disk.exists("empty"));
        disk.spare("file0");
        assertFalse(disk.exists("file0"), "a second time it is deleted");
        disk.dropSpares(true);
        assertEquals(List.of(), disk.list(""));
        try (DiskFile file = disk.create("left")) {
            file.append(ByteBuffer.allocate(5000));
        }
        disk.spare("left");
        disk.dropSpares(false);
        disk.createFromSpare("new").close();
        assertEquals(List.of("left", "new"), disk.list(""));
    }

    @Test
    void theRoomOfWhatWasDiscardedIsThereForWhoNeedsIt() throws Exception {
        // fails if a write finds the disk full while the room of a deleted file is on its way
        Path mount = Files.createDirectory(disk.root().resolve("small"));
        Process process =
                new ProcessBuilder(
                                "mount",
                                "-t",
                                "tmpfs",
                                "-o",
                                "size=200m",
                                "tmpfs",
                                mount.toString())
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
        assumeTrue(process.waitFor() == 0, "no tmpfs here");
        try {
            FolderDisk small = new FolderDisk(mount);
            ByteBuffer bytes = ByteBuffer.allocate(1 << 20);
            for (int i = 0; i < 5; i++) {
                String name = "file" + i;
                try (DiskFile file = small.create(name)) {
                    for (int j = 0; j < 150; j++) {
                        file.append(bytes.clear());
                    }
                }
                small.discard(name);
            }
        } finally {
            new ProcessBuilder("umount", "-l", mount.toString()).start().waitFor();
        }
    }

    @Test
    void whatOthersReadOrKeepIsNotFreedPieceByPiece() throws Exception {
        // fails if holes are made in a file that has another name, or that somebody holds; also if
        // a deleted file can be held whose blocks are on their way
        byte[] bytes = random((int) (2 * SlowRelease.PIECE_BYTES + 5000));
        for (String name : List.of("linked", "held", "last")) {
            try (DiskFile file = disk.create(name)) {
                file.append(ByteBuffer.wrap(bytes));
            }
        }
        Path backup = disk.root().resolve("backup");
        Files.createLink(backup, disk.root().resolve("linked"));
        try (DiskLock hold = disk.hold("held");
                DiskLock again = disk.hold("held");
                DiskFile held = disk.open("held");
                DiskFile last = disk.open("last")) {
            assertNotSame(hold, again);
            disk.discard("linked");
            disk.discard("held");
            assertThrows(NoSuchFileException.class, () -> disk.hold("held"));
            disk.discard("last");
            assertEquals(List.of("backup"), disk.list(""));
            // files are freed one after the other
            ByteBuffer piece = ByteBuffer.allocate(100);
            ByteBuffer zeros = ByteBuffer.allocate(100);
            long until = System.nanoTime() + 10_000_000_000L;
            boolean freed = false;
            while (!freed && System.nanoTime() < until) {
                last.read(bytes.length - 200, piece.clear());
                freed = piece.flip().equals(zeros);
                Thread.sleep(1);
            }
            assumeTrue(freed, "no holes here");
            ByteBuffer all = ByteBuffer.allocate(bytes.length);
            held.read(0, all);
            assertArrayEquals(bytes, all.array());
        }
        assertArrayEquals(bytes, Files.readAllBytes(backup));
    }

    @Test
    void anInterruptNeitherBreaksNorEndsAnything() throws IOException {
        // fails if an interrupted thread finds its file or lock closed
        Thread.currentThread().interrupt();
        DiskLock lock = disk.lock("LOCK", false, "me");
        try (DiskFile file = disk.create("x")) {
            file.append(ByteBuffer.wrap(random(100_000)));
            file.sync();
            disk.rename("x", "y");
            disk.syncFolder("");
            assertEquals(100_000, file.sizeBytes());
            assertThrows(LockHeldException.class, () -> disk.lock("LOCK", true, "you"));
        }
        lock.close();
        assertEquals(0, Files.size(disk.root().resolve("LOCK")));
        assertTrue(Thread.interrupted());
    }

    @Test
    void aLockIsExclusiveOrSharedWithinTheProcess() throws IOException {
        // fails if two in one process get it, by whatever path, or the last holder's leaving is
        // missed
        Path link = temporary.resolve("link");
        Files.createSymbolicLink(link, disk.root());
        FolderDisk same = new FolderDisk(link);
        DiskLock lock = disk.lock("LOCK", false, "process 1");
        LockHeldException e =
                assertThrows(LockHeldException.class, () -> same.lock("LOCK", false, "process 2"));
        assertEquals("this process", e.holder());
        assertEquals("process 1\n", Files.readString(disk.root().resolve("LOCK")));
        lock.close();
        assertEquals("", Files.readString(disk.root().resolve("LOCK")));
        DiskLock one = disk.lock("LOCK", true, "process 1");
        DiskLock two = same.lock("LOCK", true, "process 1");
        one.close();
        one.close();
        assertThrows(LockHeldException.class, () -> disk.lock("LOCK", false, "process 1"));
        two.close();
        disk.lock("LOCK", false, "process 1").close();
    }

    @Test
    void aSharedLockWhereNobodyEverWroteChangesNothing() throws IOException {
        // fails if a reader makes files
        disk.lock("LOCK", true, "me").close();
        assertEquals(List.of(), disk.list(""));
    }

    @Test
    void aFullDiskIsKnownAsOne() throws IOException {
        // fails if "no space" comes out as just any failure
        Path full = Path.of("/dev/full");
        assumeTrue(Files.isWritable(full));
        try (FolderFile file = new FolderFile(disk, "full", full, "rw")) {
            assertThrows(DiskFullException.class, () -> file.append(ByteBuffer.wrap(new byte[9])));
        }
        FileWrites calls = FileWrites.open(full);
        assumeTrue(calls != null, "no native calls here");
        try (WrittenFile file = new WrittenFile(disk, "full", full, calls, 0)) {
            assertThrows(DiskFullException.class, () -> file.append(ByteBuffer.wrap(new byte[9])));
            file.writeEarly();
            assertThrows(DiskFullException.class, () -> file.append(ByteBuffer.wrap(new byte[9])));
        }
    }

    @Test
    void aFolderThatMayNotBeWrittenIsKnownAsOne() throws IOException {
        // fails if a missing permission comes out as an absent file
        Files.setPosixFilePermissions(disk.root(), PosixFilePermissions.fromString("r-xr-xr-x"));
        try {
            assumeTrue(!Files.isWritable(disk.root()), "the superuser may write everywhere");
            assertThrows(AccessDeniedException.class, () -> disk.create("x"));
            assertThrows(AccessDeniedException.class, () -> disk.lock("LOCK", false, "me"));
        } finally {
            Files.setPosixFilePermissions(
                    disk.root(), PosixFilePermissions.fromString("rwxr-xr-x"));
        }
    }
}
