package io.espalier.pager;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** In flight recordings: one image was written to a spill file. */
@Name("io.espalier.PageOut")
@Label("Page Out")
@Description("An image was encoded and written to a spill file")
@Category({"Espalier", "Pager"})
@StackTrace(false)
final class PageOutEvent extends Event {

    @Label("Raw Size")
    @DataAmount
    long rawBytes;

    @Label("Stored Size")
    @DataAmount
    long storedBytes;

    @Label("Codec")
    String codec = "";

    @Label("Depth")
    @Description("How many merges the image's bytes have survived")
    int depth;

    @Label("Written")
    @Description("False if the page-out failed and the image stayed resident")
    boolean written;

    /** Fills the event and hands it to the recordings, if they want it. */
    void commit(long rawBytes, int depth, @Nullable StoredPage page) {
        this.rawBytes = rawBytes;
        this.depth = depth;
        if (page != null) {
            written = true;
            storedBytes = page.storedBytes();
            codec = page.codec().name();
        }
        commit();
    }
}
