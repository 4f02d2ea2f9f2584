package io.espalier.pager;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** In flight recordings: the bytes of a paged image came back, checked and decoded. */
@Name("io.espalier.PageIn")
@Label("Page In")
@Description("The bytes of a paged image were read, checked and decoded")
@Category({"Espalier", "Pager"})
@StackTrace(false)
final class PageInEvent extends Event {

    @Label("Raw Size")
    @DataAmount
    long rawBytes;

    @Label("Stored Size")
    @DataAmount
    long storedBytes;

    @Label("Codec")
    String codec = "";

    @Label("In Place")
    @Description("Whether the page is read where it is mapped, without a copy")
    boolean inPlace;

    @Label("Ahead")
    @Description("Whether it was read before somebody pinned it")
    boolean ahead;

    /** An event that begins now; null while nobody records anything, for it is no small object. */
    static @Nullable PageInEvent begun() {
        if (!FlightRecorder.isInitialized()) {
            return null;
        }
        PageInEvent event = new PageInEvent();
        event.begin();
        return event;
    }

    /** Fills the event and hands it to the recordings, if they want it. */
    void commit(long rawBytes, StoredPage page, boolean ahead) {
        this.rawBytes = rawBytes;
        this.ahead = ahead;
        storedBytes = page.storedBytes();
        codec = page.codec().name();
        inPlace = page.isInPlace();
        commit();
    }
}
