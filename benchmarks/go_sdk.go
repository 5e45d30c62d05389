// The CPU time of a call by the Go SDK v2, in its own process, printed as JSON.
//
// Arguments: the URL of the server, the number of calls, and how many are in flight. Without any, it prints its version.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
)

const warmUp = 1000 // calls

// The same 1 KB that the other clients send.
var body = []byte(`{"instances": [` + strings.Repeat("0.5, ", 200) + "0.5]}")

// cpu returns the CPU seconds, user and system, that this process has used.
func cpu() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	seconds := usage.Utime.Sec + usage.Stime.Sec
	return float64(seconds) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
}

func invoke(client *sagemakerruntime.Client) {
	output, err := client.InvokeEndpoint(context.Background(), &sagemakerruntime.InvokeEndpointInput{
		EndpointName: aws.String("iris"), Body: body, ContentType: aws.String("application/json"),
	})
	if err != nil {
		panic(err)
	}
	if len(output.Body) == 0 {
		panic(io.ErrUnexpectedEOF)
	}
}

// run makes the calls, inFlight of them at a time.
func run(client *sagemakerruntime.Client, calls, inFlight int64) {
	var group sync.WaitGroup
	for worker := int64(0); worker < inFlight; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for atomic.AddInt64(&calls, -1) >= 0 {
				invoke(client)
			}
		}()
	}
	group.Wait()
}

func number(argument string) int64 {
	value, err := strconv.ParseInt(argument, 10, 64)
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	if len(os.Args) == 1 {
		fmt.Printf("%s with %s\n", aws.SDKVersion, runtime.Version())
		return
	}
	url, calls, inFlight := os.Args[1], number(os.Args[2]), number(os.Args[3])
	client := sagemakerruntime.New(sagemakerruntime.Options{
		Region:           "us-east-1",
		Credentials:      credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		EndpointResolver: sagemakerruntime.EndpointResolverFromURL(url),
		// The default transport keeps only 10 idle connections, and would open new ones all the time.
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(transport *http.Transport) {
			transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 2048, 2048
		}),
	})
	run(client, warmUp, inFlight)
	runtime.GC()
	started := cpu()
	run(client, calls, inFlight)
	fmt.Printf("{\"cpu_us\": %g}\n", (cpu()-started)/float64(calls)*1e6)
}
